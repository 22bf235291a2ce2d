"""A worker's exchange with the ledger: results in, claimed deliveries out, in one transaction.

On PostgreSQL it is one statement: one round trip, planned once for a connection. Its parts depend on
each other so that locks are taken in the ledger's order: lease, deliveries, attempt.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from mailer.models import Attempt
from mailer.sending import clock, ledger
from mailer.sending.ledger import Claimed, DeliveryResult
from mailer.sending.sql import run
from mailer.transport.answers import alike


class Claim(NamedTuple):
    """What the ledger said; `may_go_on`: nobody has paused, disabled, blocked, ended or taken over."""

    may_go_on: bool
    claimed: list[Claimed]


# By attempt: where this process's last search ended, so that its next turn need not pass all that is done.
_reached: dict[int, tuple[str, int]] = {}
MOST_REACHED = 1000  # attempts remembered


class LedgerClaims:
    """Made over and over by one worker, for one attempt, under one lease, in one thread."""

    def __init__(self, *, attempt: Attempt, token: str) -> None:
        self._attempt = attempt.pk
        self._fixed = {"attempt": attempt.pk, "owner": attempt.mailing.owner_id, "token": token}
        self._start: tuple[str, int] = _START[connection.vendor]
        if len(_reached) > MOST_REACHED:
            _reached.clear()
        self._after = _reached.get(attempt.pk, self._start)
        self._looked_back = False
        self._tuned: object = None  # the connection that is set up for these statements

    def record_and_claim(self, results: Sequence[DeliveryResult] = (), *, claim: int = 0) -> Claim:
        """Record results and claim up to `claim` deliveries that are due; fewer if no more are to be had.

        A result whose lease was lost meanwhile belongs to another worker and is left alone. The search
        goes on where it ended, for the index holds all deliveries, and what is put back is due later than
        they. A search that runs dry is made once more, for what this exchange itself has put back; the
        first time from the start, for what the clock of another machine or an exchange that was undone
        has left behind.
        """
        may, claimed = self._record_and_claim(results, claim, self._after)
        again = not self._looked_back or any(result.status == "queued" for result in results)
        if may and len(claimed) < claim and again:
            start = self._after if self._looked_back else self._start
            self._looked_back = True
            claimed += self._record_and_claim((), claim - len(claimed), start)[1]
        return Claim(may, claimed)

    def _record_and_claim(
        self, results: Sequence[DeliveryResult], claim: int, start: tuple[str, int]
    ) -> tuple[bool, list[Claimed]]:
        now = clock.now()
        rows = [_as_result_row(result, now) for result in results]
        after, after_id = start
        params = {
            **self._fixed,
            "now": connection.ops.adapt_datetimefield_value(now),
            "claim": claim,
            "after": after,
            "after_id": after_id,
        }
        params["rows"] = json.dumps(rows)
        if connection.vendor == "postgresql":
            may, claimed = self._on_postgresql(params)
        else:
            may, claimed = self._on_sqlite(params, rows)
        claimed.sort(key=_place)
        if claimed:
            self._after = max(self._after, _place(claimed[-1]))
            _reached[self._attempt] = self._after
        return may, claimed

    def _on_postgresql(self, params: Mapping[str, Any]) -> tuple[bool, list[Claimed]]:
        connection.ensure_connection()
        if connection.connection is not self._tuned:
            run(_TUNE, {})
            self._tuned = connection.connection
        found = run(_ALL, params)
        return found[0][0] > 0, [Claimed(*row[1:]) for row in found if row[1] is not None]

    @transaction.atomic
    def _on_sqlite(
        self, params: Mapping[str, Any], rows: Sequence["_ResultRow"]
    ) -> tuple[bool, list[Claimed]]:
        may = bool(run(_HELD, params))
        if rows:
            written = {row[0] for row in run(_WRITE_ON_SQLITE, params)}
            ours = [row for row in rows if row.id in written]
            ledger.count(
                attempt_id=params["attempt"],
                statuses=Counter([row.status for row in ours]),
                answers=Counter([row.answer for row in ours if row.answer]),
                possibly_twice=sum([row.newly_twice for row in ours]),
            )
        return may, [Claimed(*row) for row in run(_CLAIM_ON_SQLITE, params)] if may else []


def _place(row: Claimed) -> tuple[str, int]:
    return row.next_try_at, row.pk


class _ResultRow(NamedTuple):
    """A result as the statements take it."""

    id: int
    status: str
    response: str | None
    tries: int
    next_try_at: str | None
    twice: bool
    newly_twice: bool
    answer: str
    refusal: str


def _as_text(moment: datetime) -> str:
    return str(connection.ops.adapt_datetimefield_value(moment))


def _as_result_row(result: DeliveryResult, now: datetime) -> _ResultRow:
    response, wait, twice = result.response, result.wait, result.possibly_twice
    if response and "\0" in response:
        response = response.replace("\0", "")
    return _ResultRow(
        result.delivery.pk,
        result.status,
        response,
        result.tries,
        None
        if wait is None
        else str(connection.ops.adapt_datetimefield_value(now + timedelta(seconds=wait))),
        twice,
        twice and not result.delivery.possibly_twice,
        alike(response or ""),
        result.refusal,
    )


_HELD = """
SELECT 1 FROM mailer_lease l JOIN mailer_attempt a ON a.id = l.attempt_id
JOIN mailer_mailing m ON m.id = a.mailing_id JOIN people_user u ON u.id = m.owner_id
WHERE l.token = %(token)s AND l.running AND a.status = 'running' AND a.held_at IS NULL
    AND (a.resumes_at IS NULL OR a.resumes_at <= %(now)s)
    AND m.paused_at IS NULL AND m.disabled_at IS NULL AND u.is_active AND m.ends_at > %(now)s
    AND NOT EXISTS (SELECT 1 FROM mailer_mailserver s WHERE s.rests_until > %(now)s)
"""
_WRITE = """
UPDATE mailer_delivery AS d SET status = r.status, response = coalesce(r.response, d.response),
    tries = r.tries, lease = '', refusal = r.refusal, possibly_twice = d.possibly_twice OR r.twice,
    next_try_at = CASE WHEN r.status = 'sent' THEN d.next_try_at ELSE r.next_try_at END,
    finished_at = CASE WHEN r.status = 'queued' THEN NULL ELSE %(now)s END
FROM {rows} WHERE d.id = r.id AND d.lease = %(token)s AND d.status = 'sending'
"""
_CLAIM = """
UPDATE mailer_delivery SET status = 'sending', lease = %(token)s WHERE id {due}
RETURNING id, email, full_name, message_id, tries, possibly_twice, client_id,
    CAST(next_try_at AS text) AS next_try_at,
    (SELECT s.reason FROM mailer_suppression s
     WHERE s.owner_id = %(owner)s
     AND s.address_key = coalesce(mailer_delivery.address_key, mailer_delivery.email) LIMIT 1) AS suppressed
"""
_QUEUED = "SELECT id FROM mailer_delivery WHERE attempt_id = %(attempt)s AND status = 'queued'"
_START = {"postgresql": ("-infinity", 0), "sqlite": ("", 0)}

_EXTRACTS = ", ".join(f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(_ResultRow._fields))
_WRITE_ON_SQLITE = f"""
    {_WRITE.format(rows=f"(SELECT {_EXTRACTS} FROM json_each(%(rows)s)) AS r")} RETURNING id
"""
# SQLite does not look up a pair in an index: each half of "(next_try_at, id) > (…)" by itself.
_CLAIM_ON_SQLITE = _CLAIM.format(
    due=f"""IN (
    SELECT id FROM ({_QUEUED} AND next_try_at = %(after)s AND id > %(after_id)s ORDER BY id)
    UNION ALL
    SELECT id FROM ({_QUEUED} AND next_try_at > %(after)s AND next_try_at <= %(now)s ORDER BY next_try_at, id)
    LIMIT %(claim)s
)"""
)

# The plan must change neither with the values nor with what is known of a table that grows.
_TUNING = {
    "plan_cache_mode": "force_generic_plan",
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_sort", "jit"), "off"),
}
_TUNE = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _TUNING.items())
_TYPES = ("bigint", "text", "text", "int", "timestamptz", "bool", "bool", "text", "text")
_CASTS = ", ".join(
    f"(value->>{n})::{kind} AS {name}"
    for n, (name, kind) in enumerate(zip(_ResultRow._fields, _TYPES, strict=True))
)
_ROWS = f"(SELECT {_CASTS} FROM jsonb_array_elements(%(rows)s::jsonb) AS given(value)) AS r"
# `id = ANY(ARRAY(…))` makes the inner query run once; as `IN (…)` it may be joined and scan the table.
# `locked` and `after_claims` are there for the order in which locks are taken, and for nothing else.
_DUE = f"""{_QUEUED} AND next_try_at <= %(now)s AND (next_try_at, id) > (%(after)s::timestamptz, %(after_id)s)
    AND EXISTS (SELECT FROM held) ORDER BY next_try_at, id LIMIT %(claim)s FOR UPDATE SKIP LOCKED"""
_ALL = f"""
WITH held AS MATERIALIZED ({_HELD} FOR UPDATE OF l),
written AS (
    {_WRITE.format(rows=f"{_ROWS} CROSS JOIN (SELECT count(*) FROM held) AS locked")}
    RETURNING r.status, r.newly_twice, r.answer
),
claimed AS ({_CLAIM.format(due=f"= ANY(ARRAY({_DUE}))")}),
counted AS (
    {ledger.COUNT["postgresql"]} FROM (
        SELECT count(*) AS number, count(*) FILTER (WHERE newly_twice) AS possibly_twice,
            count(*) FILTER (WHERE status = 'sent') AS sent,
            count(*) FILTER (WHERE status = 'failed') AS failed,
            count(*) FILTER (WHERE status = 'skipped') AS skipped,
            count(*) FILTER (WHERE status = 'expired') AS expired,
            (SELECT coalesce(jsonb_object_agg(answer, times), '{{}}') FROM (
                SELECT answer, count(*) AS times FROM written WHERE answer != '' GROUP BY answer) AS answered
            ) AS answers
        FROM written
    ) AS t CROSS JOIN (SELECT count(*) FROM claimed) AS after_claims
    WHERE a.id = %(attempt)s AND t.number > 0
)
SELECT (SELECT count(*) FROM held), claimed.* FROM (VALUES (1)) AS one LEFT JOIN claimed ON true
"""
