"""How many mails may begin in a minute, exactly, over all workers and machines.

Mails are spread evenly: each takes the next slot under each limit. A slot is used within LATENESS or lost,
and slots lie (60 s + LATENESS) / limit apart, so that no minute, wherever it begins, holds more mails than
the limit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from mailer.models import RateLimit

LATENESS = 0.5  # seconds
HORIZON = 1.0  # seconds for which slots are taken at once
LONGEST_WAIT = 2.0  # seconds that a worker waits for a slot without ending its slice


@dataclass(frozen=True, slots=True)
class Reservation:
    """Seconds from now at which each mail may begin, or how long there is no slot."""

    delays: list[float]
    wait: float = 0


def limited() -> bool:
    return bool(settings.MAIL_RATE_PER_MINUTE or settings.MAIL_RATE_PER_MAILING)


def reserve(*, mailing_id: int, limit: int) -> Reservation:
    """Take up to `limit` slots for one mailing's mails."""
    scopes = {
        "server": settings.MAIL_RATE_PER_MINUTE,
        f"mailing:{mailing_id}": settings.MAIL_RATE_PER_MAILING,
    }
    steps = {scope: (60 + LATENESS) / rate for scope, rate in scopes.items() if rate}
    with transaction.atomic():
        rows = {scope: _locked(scope) for scope in steps}  # always the server first
        now = _now()
        starts = {scope: max((row.next_at - now).total_seconds(), 0) for scope, row in rows.items()}
        start, step = max(starts.values()), max(steps.values())
        if start > LONGEST_WAIT:
            return Reservation([], start)
        if start > starts.get("server", start):
            return Reservation([], start)  # a slot that the server has now is left to other mailings
        alone = len(steps) > 1 and step > steps["server"]
        number = 1 if alone else max(1, min(limit, int(HORIZON / step)))
        for scope, row in rows.items():
            ahead = start + (number - 1) * step + steps[scope]
            RateLimit.objects.filter(pk=row.pk).update(next_at=now + timedelta(seconds=ahead))
    return Reservation([start + index * step for index in range(number)])


def forget_old() -> None:
    """Delete the rate limits of mailings that no longer send."""
    RateLimit.objects.filter(next_at__lt=timezone.now() - timedelta(hours=1)).delete()


def _locked(scope: str) -> RateLimit:
    rows = RateLimit.objects.select_for_update().filter(scope=scope)
    if (row := rows.first()) is None:
        RateLimit.objects.bulk_create([RateLimit(scope=scope, next_at=_now())], ignore_conflicts=True)
        row = rows.get()
    return row


def _now() -> datetime:
    """The database's clock, which all workers share."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
