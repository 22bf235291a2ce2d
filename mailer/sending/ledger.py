"""The ledger: one row per recipient, changed only by the holder of the lease that claimed it.

Locks are taken in one order everywhere: mailing, lease, deliveries, attempt.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import NamedTuple
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    DateTimeField,
    IntegerField,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext_noop

from mailer.audience import recipients
from mailer.models import Attempt, Delivery, Mailing, Suppression
from mailer.sending.sql import run

SUPPRESSED = {
    Suppression.Reason.UNSUBSCRIBED: gettext_noop("Not mailed: unsubscribed"),
    Suppression.Reason.BOUNCED: gettext_noop("Not mailed: the address bounced before"),
    Suppression.Reason.COMPLAINED: gettext_noop("Not mailed: the recipient complained"),
}
CLIENT_GONE = gettext_noop("Not mailed: the client was deleted")
MAX_ANSWERS = 50  # distinct answers kept in an attempt's summary
OTHER_ANSWERS = gettext_noop("other answers")

COLUMNS = (
    "attempt_id", "client_id", "email", "full_name", "message_id", "status", "tries", "next_try_at",
    "lease", "possibly_twice", "response", "finished_at",
)  # fmt: skip


class Claimed(NamedTuple):
    """A delivery in the hands of a worker."""

    pk: int
    email: str
    full_name: str
    message_id: str
    tries: int
    possibly_twice: bool
    client_id: int | None
    next_try_at: str
    suppressed: str | None  # the reason why it must not be mailed


class Result(NamedTuple):
    """What became of one claimed delivery."""

    delivery: Claimed
    status: str
    response: str
    tries: int
    next_try_at: datetime | None = None
    possibly_twice: bool = False
    hard_bounce: bool = False


def message_id_domain() -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost.localdomain"
    return domain.encode("idna").decode()


def new_message_id(left: str) -> str:
    """A Message-ID (RFC 5322 section 3.6.4) that nobody else makes."""
    return f"<{left}.{uuid4().hex}@{message_id_domain()}>"


def write_deliveries(attempt: Attempt, mailing: Mailing, *, now: datetime) -> Counter[str]:
    """Insert a delivery for each recipient by one INSERT … SELECT; return how many have which status."""
    suppressed = [When(suppressed=reason, then=Value(text)) for reason, text in SUPPRESSED.items()]
    rows = (
        recipients(mailing)
        .order_by("pk")
        .with_suppression()
        .annotate(
            d_attempt=Value(attempt.pk, output_field=IntegerField()),
            d_message_id=Concat(
                Value("<"), Cast("pk", CharField()), Value(f".{attempt.key}@{message_id_domain()}>")
            ),
            d_status=Case(When(suppressed__isnull=False, then=Value("skipped")), default=Value("queued")),
            d_tries=Value(0),
            d_next=Value(now, output_field=DateTimeField()),
            d_lease=Value(""),
            d_twice=Value(False, output_field=BooleanField()),
            d_response=Case(*suppressed, default=Value("")),
            d_finished=Case(
                When(suppressed__isnull=False, then=Value(now)), output_field=DateTimeField()
            ),
        )
        .values_list(
            "d_attempt", "pk", "email", "full_name", "d_message_id", "d_status", "d_tries", "d_next",
            "d_lease", "d_twice", "d_response", "d_finished",
        )
    )  # fmt: skip
    sql, params = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Room for the members of a large group: without it each client is looked for in a list.
            cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute(f"INSERT INTO {Delivery._meta.db_table} ({', '.join(COLUMNS)}) {sql}", params)
    return tally(attempt.pk)


def tally(attempt_id: int) -> Counter[str]:
    """How many deliveries of an attempt have which status, counted from the ledger."""
    table = Delivery._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT status, count(*) FROM {table} WHERE attempt_id = %s GROUP BY status",  # noqa: S608
            [attempt_id],
        )
        return Counter(dict(cursor.fetchall()))


class Queue:
    """The due deliveries of an attempt, in order, as one worker takes them."""

    def __init__(self, *, attempt: Attempt, token: str) -> None:
        self._attempt_id = attempt.pk
        self._owner_id = attempt.mailing.owner_id
        self._token = token
        self._start: tuple[str, int] = _START[connection.vendor]
        self._after = self._start

    def take(self, limit: int) -> list[Claimed]:
        """Claim up to `limit` deliveries that are due; fewer only if no more are to be had now.

        The search goes on where it ended: the index still holds what was claimed since. What was put
        back lies behind that, so it begins once more when it runs dry.
        """
        claimed = self._take(limit)
        if len(claimed) < limit and self._after != self._start:
            self._after = self._start
            claimed += self._take(limit - len(claimed))
        return claimed

    def _take(self, limit: int) -> list[Claimed]:
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        params = [self._token, self._attempt_id, now, *self._after, limit, self._owner_id]
        with transaction.atomic(savepoint=False), connection.cursor() as cursor:
            cursor.execute(_CLAIM[connection.vendor], params)
            claimed = [Claimed(*row) for row in cursor.fetchall()]
        claimed.sort(key=_place)
        if claimed:
            self._after = _place(claimed[-1])
        return claimed


def _place(row: Claimed) -> tuple[str, int]:
    return row.next_try_at, row.pk


def more_than(attempt_id: int, number: int) -> bool:
    """Whether more deliveries than that wait to be claimed."""
    queued = Delivery.objects.filter(
        attempt_id=attempt_id, status=Delivery.Status.QUEUED, next_try_at__lte=timezone.now()
    )
    return bool(queued.order_by("next_try_at", "pk").values_list("pk")[number : number + 1])


def record(*, attempt_id: int, token: str, results: Sequence[Result]) -> int:
    """Write the results of a window and its counts in one transaction; return how many were ours to write.

    A row whose lease was lost meanwhile belongs to another worker and is left alone.
    """
    with transaction.atomic(savepoint=False):
        kept = write(token, results)
        count_results(attempt_id, kept)
    return len(kept)


def write(token: str, results: Sequence[Result]) -> list[Result]:
    """Write results without counting them; return those that were ours to write."""
    if not results:
        return []
    written = _write(token, results)
    return [result for result in results if result.delivery.pk in written]


def count_results(attempt_id: int, results: Sequence[Result]) -> None:
    """Count written results, as the last thing in their transaction: all workers wait for this row."""
    if results:
        count(
            attempt_id=attempt_id,
            statuses=Counter(result.status for result in results),
            answers=Counter(summarised(r.response) for r in results if r.response),
            possibly_twice=sum(r.possibly_twice and not r.delivery.possibly_twice for r in results),
        )


def count(*, attempt_id: int, statuses: Counter[str], answers: Counter[str], possibly_twice: int = 0) -> None:
    """Add to an attempt's counts, inside the transaction that changed its deliveries."""
    rows = run(_ANSWERS[connection.vendor], [attempt_id])
    if not rows:
        return
    merged = Counter(json.loads(rows[0][0]))
    for answer, number in answers.items():
        merged[answer if answer in merged or len(merged) < MAX_ANSWERS else OTHER_ANSWERS] += number
    numbers = [statuses[name] for name in ("sent", "failed", "skipped", "expired")]
    run(_COUNT, [json.dumps(merged), possibly_twice, *numbers, attempt_id])


def close_open(
    *, attempt_id: int, status: str, response: str, only_retries: bool = False, now: datetime | None = None
) -> int:
    """Close the queued deliveries of an attempt with one status and reason; return how many."""
    rows = Delivery.objects.filter(attempt_id=attempt_id, status=Delivery.Status.QUEUED)
    if only_retries:
        rows = rows.filter(tries__gt=0)
    with transaction.atomic():
        number = rows.update(
            status=status, response=response, next_try_at=None, finished_at=now or timezone.now()
        )
        if number:
            count(
                attempt_id=attempt_id,
                statuses=Counter({status: number}),
                answers=Counter({response: number}),
            )
    return number


def summarised(answer: str) -> str:
    """An answer without what differs from mail to mail, so that equal ones can be counted together."""
    return re.sub(r"<[^>]*>|\b(?=\w*\d)[\w.-]{7,}", "…", answer)[:300]


def _write(token: str, results: Sequence[Result]) -> set[int]:
    now = timezone.now()
    as_text = connection.ops.adapt_datetimefield_value if connection.vendor == "sqlite" else str
    rows = [
        {
            "id": result.delivery.pk,
            "status": result.status,
            "response": result.response.replace("\x00", ""),
            "tries": result.tries,
            "next_try_at": as_text(result.next_try_at) if result.next_try_at else None,
            "twice": result.possibly_twice,
            "finished_at": None if result.status in Delivery.OPEN else as_text(now),
        }
        for result in results
    ]
    return {row[0] for row in run(_WRITE[connection.vendor], [json.dumps(rows), token])}


_SET = """
UPDATE mailer_delivery SET status = r.status, response = r.response, tries = r.tries, lease = '',
    next_try_at = r.next_try_at, finished_at = r.finished_at,
    possibly_twice = mailer_delivery.possibly_twice OR r.twice
"""
_OURS = """
WHERE mailer_delivery.id = r.id AND mailer_delivery.lease = %s AND mailer_delivery.status = 'sending'
"""
_WRITE = {
    "postgresql": f"""{_SET}
FROM jsonb_to_recordset(%s::jsonb) AS r(id bigint, status text, response text, tries int,
    next_try_at timestamptz, finished_at timestamptz, twice boolean)
{_OURS} RETURNING mailer_delivery.id""",
    "sqlite": f"""{_SET}
FROM (SELECT json_extract(value, '$.id') AS id, json_extract(value, '$.status') AS status,
    json_extract(value, '$.response') AS response, json_extract(value, '$.tries') AS tries,
    json_extract(value, '$.next_try_at') AS next_try_at,
    json_extract(value, '$.finished_at') AS finished_at, json_extract(value, '$.twice') AS twice
    FROM json_each(%s)) AS r
{_OURS} RETURNING id""",  # noqa: S608 (constants only)
}

# `id = ANY(ARRAY(…))` makes the inner query run once; as `IN (…)` it may be joined and scan the table.
_CLAIM_SET = "UPDATE mailer_delivery SET status = 'sending', lease = %s"
_CLAIM_DUE = """
SELECT id FROM mailer_delivery WHERE attempt_id = %s AND status = 'queued' AND next_try_at <= %s
    AND (next_try_at, id) > ({after}, %s) ORDER BY next_try_at, id LIMIT %s
"""
_CLAIM_GET = """
RETURNING id, email, full_name, message_id, tries, possibly_twice, client_id, CAST(next_try_at AS text),
    (SELECT s.reason FROM mailer_suppression s
     WHERE s.owner_id = %s AND lower(s.email) = lower(mailer_delivery.email) LIMIT 1)
"""
_CLAIM = {
    "postgresql": f"""{_CLAIM_SET} WHERE id = ANY(ARRAY(
        {_CLAIM_DUE.format(after="%s::timestamptz")} FOR UPDATE SKIP LOCKED)) {_CLAIM_GET}""",
    "sqlite": f"{_CLAIM_SET} WHERE id IN ({_CLAIM_DUE.format(after='%s')}) {_CLAIM_GET}",
}
_START = {"postgresql": ("-infinity", 0), "sqlite": ("", 0)}

# Written by hand like the two above: a worker says them a hundred times a second.
_ANSWERS_OF = "SELECT CAST(answers AS text) FROM mailer_attempt WHERE id = %s"
_ANSWERS = {"postgresql": f"{_ANSWERS_OF} FOR NO KEY UPDATE", "sqlite": _ANSWERS_OF}
_COUNT = """
UPDATE mailer_attempt SET answers = %s, possibly_twice = possibly_twice + %s, sent = sent + %s,
    failed = failed + %s, skipped = skipped + %s, expired = expired + %s WHERE id = %s
"""
