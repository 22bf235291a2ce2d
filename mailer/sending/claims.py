"""What a worker does in the ledger, in one transaction: record results, claim deliveries.

On PostgreSQL it is one statement: one round trip, planned once for each connection. The statements are in
sql/postgresql.sql and sql/sqlite.sql.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import connection, transaction

from mailer.models import Attempt, Delivery
from mailer.sending import clock, ledger
from mailer.sending.ledger import Claimed, DeliveryResult
from mailer.sending.sql import run
from mailer.transport.answers import alike
from site_config import connections


class Claim(NamedTuple):
    """What the worker got. `may_go_on`: nobody has stopped, ended or taken over the attempt."""

    may_go_on: bool
    claimed: list[Claimed]


# By attempt: where this process's last search ended, so that the next one skips what is done.
_reached: dict[int, tuple[str, int]] = {}
QUEUED = Delivery.Status.QUEUED
MOST_REACHED = 1000  # attempts remembered

# The plan must not depend on the values, nor on statistics of a table that grows while it is read.
TUNING = MappingProxyType(
    {
        "plan_cache_mode": "force_generic_plan",
        **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_sort", "jit"), "off"),
        "lock_timeout": connections.LOCK_TIMEOUT,
    }
)
# Before every delivery.
_START = {"postgresql": ("-infinity", 0), "sqlite": ("", 0)}


class LedgerClaims:
    """Records and claims for one attempt, under one lease, in one thread of one worker."""

    def __init__(self, *, attempt: Attempt, token: str) -> None:
        self._attempt = attempt.pk
        self._fixed = {
            "attempt": attempt.pk,
            "mailing": attempt.mailing_id,
            "owner": attempt.mailing.owner_id,
            "token": token,
        }
        self._start: tuple[str, int] = _START[connection.vendor]
        if len(_reached) > MOST_REACHED:
            _reached.clear()
        self._after = _reached.get(attempt.pk, self._start)
        self._looked_back = False

    def record_and_claim(self, results: Sequence[DeliveryResult] = (), *, claim: int = 0) -> Claim:
        """Record results and claim up to `claim` due deliveries; fewer if there are no more.

        A result whose lease was lost belongs to another worker and is left alone. The search goes on where
        the last one ended, because the index holds all deliveries, and whatever is put back is due later. A
        search that finds nothing is repeated once, for deliveries that this transaction itself has put back.
        The first time that it finds too few, it also searches from the beginning, unless it has just done so:
        for what another machine's clock or a rolled-back transaction has left behind.
        """
        began = self._after
        may, claimed = self._record_and_claim(results, claim, began)
        if may and len(claimed) < claim:
            back = not self._looked_back and began != self._start
            self._looked_back = True
            if back or any(result.status == QUEUED for result in results):
                start = self._start if back else self._after
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
        if connection.vendor == "postgresql":
            params["rows"] = json.dumps({row.id: row[1:] for row in rows})
            may, claimed = self._on_postgresql(params)
        else:
            params["rows"] = json.dumps(rows)
            may, claimed = self._on_sqlite(params, rows)
        claimed.sort(key=_place)
        if claimed:
            self._after = max(self._after, _place(claimed[-1]))
            _reached[self._attempt] = self._after
        return may, claimed

    def _on_postgresql(self, params: Mapping[str, Any]) -> tuple[bool, list[Claimed]]:
        connection.use(TUNING)  # type: ignore[attr-defined]  # site_config.postgresql
        found = run("record_and_claim", params)
        return found[0][0] > 0, [Claimed(*row[1:]) for row in found if row[1] is not None]

    @transaction.atomic
    def _on_sqlite(
        self, params: Mapping[str, Any], rows: Sequence["_ResultRow"]
    ) -> tuple[bool, list[Claimed]]:
        may = bool(run("may_go_on", params))
        if rows:
            written = {row[0] for row in run("record", params)}
            ours = [row for row in rows if row.id in written]
            ledger.count(
                attempt_id=params["attempt"],
                statuses=Counter([row.status for row in ours]),
                answers=Counter([row.answer for row in ours if row.answer]),
                possibly_twice=sum([row.newly_twice for row in ours]),
            )
        return may, [Claimed(*row) for row in run("claim", params)] if may else []


def _place(row: Claimed) -> tuple[str, int]:
    return row.next_try_at, row.pk


class _ResultRow(NamedTuple):
    """A result as the statements take it: a tuple of its fields."""

    id: int
    status: str
    response: str | None
    tries: int
    next_try_at: str | None
    twice: bool
    newly_twice: bool
    answer: str
    refusal: str


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
