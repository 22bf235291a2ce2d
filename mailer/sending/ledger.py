"""The ledger: one row per recipient, changed only by the holder of the lease that claimed it.

Locks are taken in one order everywhere: mailing, lease, deliveries, attempt.
"""

import json
from collections import Counter
from contextlib import suppress
from datetime import datetime
from email.utils import parseaddr
from typing import Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import CharField, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_noop

from mailer.composing.attribute_values import names_attributes
from mailer.models import Attempt, Delivery, OptOut, Suppression
from mailer.models.client import ClientQuerySet
from mailer.sending import clock
from mailer.sending.sql import run, statements
from people.addresses import key_of
from site_config.connections import LOCK_TIMEOUT

LEFT = "left"  # beside the reasons of the stop-list: the recipient left this mailing alone
SUPPRESSED: dict[str, str] = {
    Suppression.Reason.UNSUBSCRIBED: gettext_noop("Not mailed: unsubscribed"),
    Suppression.Reason.BOUNCED: gettext_noop("Not mailed: the address bounced before"),
    Suppression.Reason.COMPLAINED: gettext_noop("Not mailed: the recipient complained"),
    Suppression.Reason.ADDED: gettext_noop("Not mailed: you put the address on the stop-list"),
    Suppression.Reason.PAUSED: gettext_noop("Not mailed: the recipient asked for a pause"),
    LEFT: gettext_noop("Not mailed: the recipient left this mailing"),
}
FEW = 1000  # deliveries that are read at once, whatever the plan
CLIENT_GONE = gettext_noop("Not mailed: the client was deleted")


class Claimed(NamedTuple):
    """A delivery claimed by a worker."""

    pk: int
    email: str
    full_name: str
    message_id: str
    tries: int
    possibly_twice: bool
    client_id: int | None
    next_try_at: str
    suppressed: str | None  # the reason why it must not be mailed
    attributes: str | None = None  # of the client, as JSON


class DeliveryResult(NamedTuple):
    """What became of one claimed delivery."""

    delivery: Claimed
    status: str
    response: str | None  # None: unchanged
    tries: int
    wait: float | None = None  # seconds until the next try, if it is queued again
    possibly_twice: bool = False
    refusal: str = ""  # what the server's answer is about: the value of a RefusalClass
    suppress: bool = False  # the address does not exist


def message_id_domain() -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost.localdomain"
    return key_of(f"postmaster@{domain}").rpartition("@")[2]


def new_message_id(left: str) -> str:
    """A unique Message-ID (RFC 5322 section 3.6.4)."""
    return f"<{left}.{uuid4().hex}@{message_id_domain()}>"


def write_deliveries(attempt: Attempt, clients: ClientQuerySet, *, now: datetime) -> Counter[str]:
    """Insert a delivery for each of these clients by one INSERT … SELECT; return the counts by status."""
    found: Any = clients.order_by("pk").with_suppression()
    against = "suppressed"
    if OptOut.objects.filter(mailing=attempt.mailing_id).exists():
        left = OptOut.objects.from_mailing(attempt.mailing_id).values(why=Value(LEFT, CharField()))[:1]
        found, against = found.annotate(against=Coalesce("suppressed", Subquery(left))), "against"
    columns = found.values_list("pk", "email", "address_key", "full_name", against, "attributes")
    query, values = columns.query.sql_with_params()
    named = {f"recipients_{number}": value for number, value in enumerate(values)}
    query = query.replace("%%", "%%%%") % tuple(f"%({name})s" for name in named)
    params: dict[str, Any] = {
        "attempt": attempt.pk,
        "message_id_end": f".{attempt.key}@{message_id_domain()}>",
        "with_attributes": names_attributes(attempt.subject, attempt.body),
        "now": connection.ops.adapt_datetimefield_value(now),
        **{str(reason): text for reason, text in SUPPRESSED.items()},
        **named,
    }
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Memory for a large group's members: without it, each client is searched for in a list.
            cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute(statements(connection.vendor)["open"].replace("{recipients}", query), params)
    return tally(attempt.pk)


def refresh_statistics(added: int) -> None:
    """Have PostgreSQL count the deliveries, if so many new ones at least double what it knows of.

    Whoever analyzes the table while a run is being opened does not see its deliveries and notes that the
    table is empty. With that, every index costs the same, and a worker keeps a plan that reads all of one
    for each claim, until autovacuum looks again: 600 microseconds for a mail in place of 26.
    """
    if connection.vendor != "postgresql" or added < FEW:
        return
    # It only makes sending faster: nobody waits long for a vacuum that is under way.
    with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'mailer_delivery'::regclass")
        [(known,)] = cursor.fetchall()
        if known < added:
            cursor.execute("ANALYZE mailer_delivery")


def tally(attempt_id: int) -> Counter[str]:
    """How many deliveries of an attempt have which status, counted from the ledger."""
    with connection.cursor() as cursor:  # planned anew each time: for five recipients or a million
        cursor.execute(statements(connection.vendor)["tally"], {"attempt": attempt_id})
        return Counter(dict(cursor.fetchall()))


def count(*, attempt_id: int, statuses: Counter[str], answers: Counter[str], possibly_twice: int = 0) -> None:
    """Add to an attempt's counts, as the last change in the transaction that changed its deliveries.

    Last, because all workers wait for this row.
    """
    numbers = {name.value: statuses[name] for name in (Delivery.Status.SENT, *Delivery.UNSENT)}
    params = {
        "attempt": attempt_id,
        "answers": json.dumps(answers),
        "possibly_twice": possibly_twice,
        **numbers,
    }
    run("count", params)


def close_open(
    *, attempt_id: int, status: str, response: str, only_retries: bool = False, now: datetime | None = None
) -> int:
    """Close the queued deliveries of an attempt with one status and reason; return how many there were."""
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
