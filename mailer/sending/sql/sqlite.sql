-- The statements of sending on SQLite. Each begins with its name; what it needs is written %(so)s.
-- mailer/tests/sending/test_sql.py has SQLite explain each of them and holds which indexes it uses.
--
-- Where PostgreSQL records and claims by one statement, here are four in one transaction: may_go_on, record,
-- count and claim. There is one writer at a time, so that nothing has to be locked.


-- name: take
-- A worker begins to use a lease, unless somebody else does. A row comes back if it got it: how many other
-- workers of the attempt are lost, and whether the mail server failed when it was last used.
UPDATE mailer_lease SET running = true, expires_at = %(until)s
WHERE token = %(token)s AND NOT running
RETURNING
    (
        SELECT count(*) FROM mailer_lease l
        WHERE l.attempt_id = mailer_lease.attempt_id
            AND l.token != %(token)s AND l.expires_at <= %(now)s
    ),
    (SELECT count(*) FROM mailer_mailserver s WHERE s.failures > 0 OR s.quota_failures > 0)


-- name: give_back
-- A worker has nothing more to do under its lease.
DELETE FROM mailer_lease WHERE token = %(token)s AND running


-- name: may_go_on
-- The lease is this worker's, and nobody has paused, disabled, held, ended or blocked the mailing.
SELECT 1
FROM mailer_lease l
JOIN mailer_attempt a ON a.id = l.attempt_id
JOIN mailer_mailing m ON m.id = a.mailing_id
JOIN people_user u ON u.id = m.owner_id
WHERE l.token = %(token)s AND l.running
    AND a.status = 'running' AND a.held_at IS NULL
    AND (a.resumes_at IS NULL OR a.resumes_at <= %(now)s)
    AND m.paused_at IS NULL AND m.disabled_at IS NULL AND u.is_active
    AND (m.ends_at IS NULL OR m.ends_at > %(now)s)
    AND NOT EXISTS (SELECT 1 FROM mailer_mailserver s WHERE s.rests_until > %(now)s)


-- name: record
-- `rows` is a JSON array of arrays, each the result of one delivery. The ids of those that were written come
-- back: a delivery whose lease was lost meanwhile is another worker's, and left alone.
UPDATE mailer_delivery AS d SET
    status = r.status,
    response = coalesce(r.response, d.response),
    tries = r.tries,
    lease = '',
    refusal = r.refusal,
    possibly_twice = d.possibly_twice OR r.twice,
    -- Kept when it is sent: no index has to be written.
    next_try_at = CASE WHEN r.status = 'sent' THEN d.next_try_at ELSE r.next_try_at END,
    finished_at = CASE WHEN r.status = 'queued' THEN NULL ELSE %(now)s END
FROM (
    SELECT
        json_extract(value, '$[0]') AS id,
        json_extract(value, '$[1]') AS status,
        json_extract(value, '$[2]') AS response,
        json_extract(value, '$[3]') AS tries,
        json_extract(value, '$[4]') AS next_try_at,
        json_extract(value, '$[5]') AS twice,
        json_extract(value, '$[8]') AS refusal
    FROM json_each(%(rows)s)
) AS r
WHERE d.id = r.id AND d.lease = %(token)s AND d.status = 'sending'
RETURNING id


-- name: count
-- Add to the counts of an attempt, in the same transaction as its deliveries.
-- `answers` is a JSON object: how often each came.
UPDATE mailer_attempt AS a SET
    sent = a.sent + t.sent,
    failed = a.failed + t.failed,
    skipped = a.skipped + t.skipped,
    expired = a.expired + t.expired,
    possibly_twice = a.possibly_twice + t.possibly_twice,
    answers = (
        -- A new answer is counted by its name as long as there are fewer than fifty.
        SELECT json_group_object(answer, times) FROM (
            SELECT
                CASE WHEN known OR place <= 50 THEN key ELSE 'other answers' END AS answer,
                sum(number) AS times
            FROM (
                SELECT key, CAST(value AS int) AS number, true AS known, 0 AS place
                FROM json_each(a.answers) AS old
                UNION ALL
                SELECT key, number, known, row_number() OVER (PARTITION BY known) + names
                FROM (
                    SELECT
                        key,
                        CAST(value AS int) AS number,
                        key IN (SELECT key FROM json_each(a.answers) AS old) AS known,
                        (SELECT count(*) FROM json_each(a.answers) AS old) AS names
                    FROM json_each(t.answers) AS new
                ) AS added
            ) AS counts
            GROUP BY 1
        ) AS merged
    )
FROM (
    SELECT
        CAST(%(sent)s AS int) AS sent,
        CAST(%(failed)s AS int) AS failed,
        CAST(%(skipped)s AS int) AS skipped,
        CAST(%(expired)s AS int) AS expired,
        CAST(%(possibly_twice)s AS int) AS possibly_twice,
        %(answers)s AS answers
) AS t
WHERE a.id = %(attempt)s


-- name: claim
-- The deliveries that are due next, from where the last search ended. SQLite does not look up a pair in an
-- index: each half of "(next_try_at, id) > (…)" by itself.
UPDATE mailer_delivery SET status = 'sending', lease = %(token)s
WHERE id IN (
    SELECT id FROM (
        SELECT id FROM mailer_delivery
        WHERE attempt_id = %(attempt)s AND status = 'queued'
            AND next_try_at = %(after)s AND id > %(after_id)s
        ORDER BY id
    )
    UNION ALL
    SELECT id FROM (
        SELECT id FROM mailer_delivery
        WHERE attempt_id = %(attempt)s AND status = 'queued'
            AND next_try_at > %(after)s AND next_try_at <= %(now)s
        ORDER BY next_try_at, id
    )
    LIMIT %(claim)s
)
RETURNING
    id, email, full_name, message_id, tries, possibly_twice, client_id,
    CAST(next_try_at AS text) AS next_try_at,
    coalesce((
        SELECT s.reason FROM mailer_suppression s
        WHERE s.owner_id = %(owner)s
            AND s.address_key = coalesce(mailer_delivery.address_key, mailer_delivery.email)
        LIMIT 1
    ), (
        SELECT 'left' FROM mailer_optout o
        WHERE o.mailing_id = %(mailing)s
            AND o.address_key = coalesce(mailer_delivery.address_key, mailer_delivery.email)
        LIMIT 1
    )) AS suppressed,
    CAST(attributes AS text) AS attributes


-- name: open
-- One delivery for each recipient of a run that begins; who is on the stop-list is skipped, and told why.
-- In place of {recipients} comes the query of mailer.audience.recipients: whom a mailing reaches depends on
-- its clients, groups and their rules. It is in the order of the clients, which the deliveries keep.
WITH c (id, email, address_key, full_name, suppressed, attributes) AS ({recipients})
INSERT INTO mailer_delivery (
    attempt_id, client_id, email, address_key, full_name, message_id,
    status, tries, next_try_at, lease, possibly_twice, response, refusal, finished_at,
    attributes
)
SELECT
    %(attempt)s, c.id, c.email,
    nullif(c.address_key, c.email),  -- only where it is not the address as it stands
    c.full_name,
    '<' || c.id || %(message_id_end)s,
    CASE WHEN c.suppressed IS NULL THEN 'queued' ELSE 'skipped' END,
    0,
    CASE WHEN c.suppressed IS NULL THEN %(now)s END,
    '', false,
    CASE c.suppressed
        WHEN 'unsubscribed' THEN %(unsubscribed)s
        WHEN 'bounced' THEN %(bounced)s
        WHEN 'complained' THEN %(complained)s
        WHEN 'added' THEN %(added)s
        WHEN 'paused' THEN %(paused)s
        WHEN 'left' THEN %(left)s
        ELSE ''
    END,
    '',
    CASE WHEN c.suppressed IS NOT NULL THEN %(now)s END,
    CASE WHEN %(with_attributes)s THEN c.attributes END  -- only if the message names some
FROM c


-- name: tally
-- How many deliveries of an attempt have which status, counted from the ledger.
SELECT status, count(*) FROM mailer_delivery WHERE attempt_id = %(attempt)s GROUP BY status


-- name: end_leases
-- An attempt is over: nobody sends for it any more.
DELETE FROM mailer_lease WHERE attempt_id = %(attempt)s
