"""The ledger: one row per recipient, changed only by the holder of the lease that claimed it.

Locks are taken in one order everywhere: mailing, lease, deliveries, attempt.
"""

import json
from collections import Counter
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
    Q,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat, NullIf
from django.utils.translation import gettext_noop

from mailer.audience import recipients
from mailer.models import Attempt, Delivery, Mailing, Suppression
from mailer.sending import clock
from mailer.sending.sql import run
from mailer.transport.answers import OTHER_ANSWERS
from people.addresses import key_of

SUPPRESSED = {
    Suppression.Reason.UNSUBSCRIBED: gettext_noop("Not mailed: unsubscribed"),
    Suppression.Reason.BOUNCED: gettext_noop("Not mailed: the address bounced before"),
    Suppression.Reason.COMPLAINED: gettext_noop("Not mailed: the recipient complained"),
}
CLIENT_GONE = gettext_noop("Not mailed: the client was deleted")
MAX_ANSWERS = 50  # distinct answers kept in an attempt's summary

COLUMNS = (
    "attempt_id", "client_id", "email", "address_key", "full_name", "message_id", "status", "tries",
    "next_try_at", "lease", "possibly_twice", "response", "refusal", "finished_at",
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


class DeliveryResult(NamedTuple):
    """What became of one claimed delivery."""

    delivery: Claimed
    status: str
    response: str | None  # none: the one it has stays
    tries: int
    wait: float | None = None  # seconds until the next try, only if it is queued again
    possibly_twice: bool = False
    refusal: str = ""  # what the server's answer is about: the value of a RefusalClass
    suppress: bool = False  # the address does not exist


def message_id_domain() -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost.localdomain"
    return key_of(f"postmaster@{domain}").rpartition("@")[2]


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
            d_address_key=NullIf("address_key", "email", output_field=CharField()),
            d_message_id=Concat(
                Value("<"), Cast("pk", CharField()), Value(f".{attempt.key}@{message_id_domain()}>")
            ),
            d_status=Case(When(suppressed__isnull=False, then=Value("skipped")), default=Value("queued")),
            d_tries=Value(0),
            d_next=Case(When(suppressed__isnull=True, then=Value(now)), output_field=DateTimeField()),
            d_lease=Value(""),
            d_twice=Value(False, output_field=BooleanField()),
            d_response=Case(*suppressed, default=Value("")),
            d_refusal=Value(""),
            d_finished=Case(
                When(suppressed__isnull=False, then=Value(now)), output_field=DateTimeField()
            ),
        )
        .values_list(
            "d_attempt", "pk", "email", "d_address_key", "full_name", "d_message_id", "d_status", "d_tries",
            "d_next", "d_lease", "d_twice", "d_response", "d_refusal", "d_finished",
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
            f"SELECT status, count(*) FROM {table} WHERE attempt_id = %s GROUP BY status",
            [attempt_id],
        )
        return Counter(dict(cursor.fetchall()))


def count(*, attempt_id: int, statuses: Counter[str], answers: Counter[str], possibly_twice: int = 0) -> None:
    """Add to an attempt's counts, inside the transaction that changed its deliveries, as its last change.

    All workers wait for this row.
    """
    numbers = {name: statuses[name] for name in ("sent", "failed", "skipped", "expired")}
    params = {
        "attempt": attempt_id,
        "answers": json.dumps(answers),
        "possibly_twice": possibly_twice,
        **numbers,
    }
    run(_COUNT[connection.vendor], params)


def close_open(
    *, attempt_id: int, status: str, response: str, only_retries: bool = False, now: datetime | None = None
) -> int:
    """Close the queued deliveries of an attempt with one status and reason; return how many."""
    rows = Delivery.objects.filter(attempt_id=attempt_id, status=Delivery.Status.QUEUED)
    if only_retries:
        rows = rows.filter(Q(tries__gt=0) | ~Q(refusal=""))
    with transaction.atomic():
        number = rows.update(
            status=status, response=response, next_try_at=None, finished_at=now or clock.now()
        )
        if number:
            count(
                attempt_id=attempt_id,
                statuses=Counter({status: number}),
                answers=Counter({response: number}),
            )
    return number


# An answer that is new is counted by its name as long as there are few names.
_MERGED = f"""
SELECT {{group}}(answer, times) FROM (
    SELECT CASE WHEN known OR place <= {MAX_ANSWERS} THEN key ELSE '{OTHER_ANSWERS}' END AS answer,
        sum(number) AS times
    FROM (
        SELECT key, CAST(value AS int) AS number, true AS known, 0 AS place FROM {{each}}(a.answers) AS old
        UNION ALL
        SELECT key, number, known, row_number() OVER (PARTITION BY known) + names FROM (
            SELECT key, CAST(value AS int) AS number,
                key IN (SELECT key FROM {{each}}(a.answers) AS old) AS known,
                (SELECT count(*) FROM {{each}}(a.answers) AS old) AS names
            FROM {{each}}(t.answers) AS new
        ) AS added
    ) AS counts GROUP BY 1
) AS merged
"""
_FINAL = ("sent", "failed", "skipped", "expired")
_COUNTS = (*_FINAL, "possibly_twice")
_ADDED = f"UPDATE mailer_attempt AS a SET {', '.join(f'{name} = a.{name} + t.{name}' for name in _COUNTS)}"
COUNT = {
    "postgresql": f"""{_ADDED}, answers = coalesce(
        ({_MERGED.format(group="jsonb_object_agg", each="jsonb_each_text")}), '{{}}')""",
    "sqlite": f"{_ADDED}, answers = ({_MERGED.format(group='json_group_object', each='json_each')})",
}
_NUMBERS = ", ".join(f"CAST(%({name})s AS int) AS {name}" for name in _COUNTS)
_COUNT = {
    vendor: f"{COUNT[vendor]} FROM (SELECT {_NUMBERS}, {answers} AS answers) AS t WHERE a.id = %(attempt)s"
    for vendor, answers in (("postgresql", "CAST(%(answers)s AS jsonb)"), ("sqlite", "%(answers)s"))
}
