"""One clock for all machines: the database's.

A process asks the database once and then adds the difference to its own clock, so that no statement has to
fetch the time. SQLite has no clock of its own, and only one machine.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

_ahead = timedelta()  # of this process's clock


def now() -> datetime:
    """The database's time, in UTC."""
    return timezone.now() + _ahead


def synchronise() -> timedelta:
    """Measure how far the database's clock is ahead of this process's, and return the difference."""
    global _ahead  # noqa: PLW0603  (one clock for the process)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            before = timezone.now()
            cursor.execute("SELECT clock_timestamp()")
            theirs: datetime = cursor.fetchone()[0]
            _ahead = theirs - (before + (timezone.now() - before) / 2)
    return _ahead
