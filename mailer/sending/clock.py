"""One clock for all machines: the database's.

A process asks the database once a minute and counts on from there, so that no statement has to fetch the
time, and it does not matter if somebody sets the machine's clock meanwhile. SQLite has no clock of its own,
and only one machine.
"""

import time
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

# It also counts while the machine is suspended; not every system has it.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_known: tuple[datetime, float] | None = None  # the database's time, and the steady clock's then


def now() -> datetime:
    """The database's time, in UTC."""
    if _known is None:
        return timezone.now()
    at, then = _known
    return at + timedelta(seconds=time.clock_gettime(_STEADY) - then)


def synchronise() -> None:
    """Ask the database for its time."""
    global _known  # noqa: PLW0603  (one clock for the process)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            before = time.clock_gettime(_STEADY)
            cursor.execute("SELECT clock_timestamp()")
            at: datetime = cursor.fetchone()[0]
            _known = at, (before + time.clock_gettime(_STEADY)) / 2
