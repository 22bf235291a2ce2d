-- The statements of sending on PostgreSQL. Each begins with its name; what it needs is written %(so)s.
-- mailer/tests/sending/test_sql.py has PostgreSQL explain each of them and holds which indexes it uses.


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


-- name: record_and_claim
-- Results in, claimed deliveries out: one statement, one round trip, one commit.
--
-- `rows` is a JSON object: by the id of a delivery, an array that is its result. The first column that comes
-- back tells whether the worker may go on; the others are the deliveries it has claimed, or nulls.
--
-- Locks are taken in the order of the ledger: lease, deliveries, attempt. The parts of a WITH run in the
-- order in which they read each other, and some do so for this reason alone.
WITH held AS MATERIALIZED (
    -- The lease is this worker's, and nobody has paused, disabled, held, ended or blocked the mailing.
    -- Each row is looked up by its key: a join may begin with all attempts that are running.
    SELECT 1
    FROM mailer_lease l
    CROSS JOIN LATERAL (
        SELECT a.mailing_id, a.status, a.held_at, a.resumes_at
        FROM mailer_attempt a WHERE a.id = l.attempt_id OFFSET 0
    ) AS a
    CROSS JOIN LATERAL (
        SELECT m.owner_id, m.paused_at, m.disabled_at, m.ends_at
        FROM mailer_mailing m WHERE m.id = a.mailing_id OFFSET 0
    ) AS m
    CROSS JOIN LATERAL (SELECT u.is_active FROM people_user u WHERE u.id = m.owner_id OFFSET 0) AS u
    WHERE l.token = %(token)s AND l.running
        AND a.status = 'running' AND a.held_at IS NULL
        AND (a.resumes_at IS NULL OR a.resumes_at <= %(now)s)
        AND m.paused_at IS NULL AND m.disabled_at IS NULL AND u.is_active
        AND (m.ends_at IS NULL OR m.ends_at > %(now)s)
        AND NOT EXISTS (SELECT 1 FROM mailer_mailserver s WHERE s.rests_until > %(now)s)
    FOR UPDATE OF l
),
written AS (
    -- A delivery whose lease was lost meanwhile is another worker's, and left alone.
    -- The rows are found by an array of ids, as they are for a claim, and each looks up its own result: as a
    -- join, a plan made while the table is small would read all of it, and go on doing so when it has grown.
    UPDATE mailer_delivery AS d SET
        lease = '',
        (status, response, tries, refusal, possibly_twice, next_try_at, finished_at) = (
            SELECT
                r->>0,
                coalesce(r->>1, d.response),
                (r->>2)::int,
                r->>7,
                d.possibly_twice OR (r->>4)::bool,
                -- Kept when it is sent: no index has to be written, and the row stays in its page.
                CASE WHEN r->>0 = 'sent' THEN d.next_try_at ELSE (r->>3)::timestamptz END,
                CASE WHEN r->>0 = 'queued' THEN NULL ELSE %(now)s END
            FROM (SELECT %(rows)s::jsonb -> d.id::text AS r OFFSET 0) AS result
        )
    WHERE d.id = ANY(ARRAY(
            SELECT CAST(id AS bigint)
            FROM jsonb_object_keys(%(rows)s::jsonb) AS given(id)
            CROSS JOIN (SELECT count(*) FROM held) AS locked  -- the lease first
        ))
        AND d.lease = %(token)s AND d.status = 'sending'
    RETURNING
        status,
        CAST(%(rows)s::jsonb -> d.id::text ->> 5 AS bool) AS newly_twice,
        %(rows)s::jsonb -> d.id::text ->> 6 AS answer
),
claimed AS (
    UPDATE mailer_delivery SET status = 'sending', lease = %(token)s
    -- As an array, the inner query runs once; as IN (…) it may be joined and scan the whole table.
    WHERE id = ANY(ARRAY(
        SELECT id FROM mailer_delivery
        WHERE attempt_id = %(attempt)s AND status = 'queued'
            AND next_try_at <= %(now)s
            AND (next_try_at, id) > (%(after)s::timestamptz, %(after_id)s)  -- where the last search ended
            AND EXISTS (SELECT FROM held)
        ORDER BY next_try_at, id
        LIMIT %(claim)s
        FOR UPDATE SKIP LOCKED
    ))
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
),
counted AS (
    -- The attempt's row is what all its workers wait for: locked last.
    UPDATE mailer_attempt AS a SET
        sent = a.sent + t.sent,
        failed = a.failed + t.failed,
        skipped = a.skipped + t.skipped,
        expired = a.expired + t.expired,
        possibly_twice = a.possibly_twice + t.possibly_twice,
        answers = coalesce((
            -- A new answer is counted by its name as long as there are fewer than fifty.
            SELECT jsonb_object_agg(answer, times) FROM (
                SELECT
                    CASE WHEN known OR place <= 50 THEN key ELSE 'other answers' END AS answer,
                    sum(number) AS times
                FROM (
                    SELECT key, CAST(value AS int) AS number, true AS known, 0 AS place
                    FROM jsonb_each_text(a.answers) AS old
                    UNION ALL
                    SELECT key, number, known, row_number() OVER (PARTITION BY known) + names
                    FROM (
                        SELECT
                            key,
                            CAST(value AS int) AS number,
                            key IN (SELECT key FROM jsonb_each_text(a.answers) AS old) AS known,
                            (SELECT count(*) FROM jsonb_each_text(a.answers) AS old) AS names
                        FROM jsonb_each_text(t.answers) AS new
                    ) AS added
                ) AS counts
                GROUP BY 1
            ) AS merged
        ), '{}')
    FROM (
        SELECT
            count(*) AS number,
            count(*) FILTER (WHERE newly_twice) AS possibly_twice,
            count(*) FILTER (WHERE status = 'sent') AS sent,
            count(*) FILTER (WHERE status = 'failed') AS failed,
            count(*) FILTER (WHERE status = 'skipped') AS skipped,
            count(*) FILTER (WHERE status = 'expired') AS expired,
            (
                SELECT coalesce(jsonb_object_agg(answer, times), '{}')
                FROM (
                    SELECT answer, count(*) AS times FROM written WHERE answer != '' GROUP BY answer
                ) AS answered
            ) AS answers
        FROM written
    ) AS t
    CROSS JOIN (SELECT count(*) FROM claimed) AS after_claims  -- the deliveries first
    WHERE a.id = %(attempt)s AND t.number > 0
)
SELECT (SELECT count(*) FROM held), claimed.*
FROM (VALUES (1)) AS one LEFT JOIN claimed ON true


-- name: count
-- Add to the counts of an attempt what was changed otherwise, in the same transaction as the deliveries.
-- `answers` is a JSON object: how often each came.
UPDATE mailer_attempt AS a SET
    sent = a.sent + t.sent,
    failed = a.failed + t.failed,
    skipped = a.skipped + t.skipped,
    expired = a.expired + t.expired,
    possibly_twice = a.possibly_twice + t.possibly_twice,
    answers = coalesce((
        -- A new answer is counted by its name as long as there are fewer than fifty.
        SELECT jsonb_object_agg(answer, times) FROM (
            SELECT
                CASE WHEN known OR place <= 50 THEN key ELSE 'other answers' END AS answer,
                sum(number) AS times
            FROM (
                SELECT key, CAST(value AS int) AS number, true AS known, 0 AS place
                FROM jsonb_each_text(a.answers) AS old
                UNION ALL
                SELECT key, number, known, row_number() OVER (PARTITION BY known) + names
                FROM (
                    SELECT
                        key,
                        CAST(value AS int) AS number,
                        key IN (SELECT key FROM jsonb_each_text(a.answers) AS old) AS known,
                        (SELECT count(*) FROM jsonb_each_text(a.answers) AS old) AS names
                    FROM jsonb_each_text(t.answers) AS new
                ) AS added
            ) AS counts
            GROUP BY 1
        ) AS merged
    ), '{}')
FROM (
    SELECT
        CAST(%(sent)s AS int) AS sent,
        CAST(%(failed)s AS int) AS failed,
        CAST(%(skipped)s AS int) AS skipped,
        CAST(%(expired)s AS int) AS expired,
        CAST(%(possibly_twice)s AS int) AS possibly_twice,
        CAST(%(answers)s AS jsonb) AS answers
) AS t
WHERE a.id = %(attempt)s


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
    -- Due at once, also where the clock of the machine that opens it is fast.
    CASE WHEN c.suppressed IS NULL THEN least(%(now)s, now()) END,
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
