"""One clock for all machines: the database's.

A process asks it once and then adds the difference to its own clock, so that no statement has to carry
the time back. SQLite has no clock of its own and one machine only.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

_ahead = timedelta()  # of this process's clock


def now() -> datetime:
    """The time, in UTC, as the database has it."""
    return timezone.now() + _ahead


def synchronise() -> timedelta:
    """Learn how far the database's clock is ahead of this process's, and return that."""
    global _ahead  # noqa: PLW0603  (one clock for the process)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            before = timezone.now()
            cursor.execute("SELECT clock_timestamp()")
            theirs: datetime = cursor.fetchone()[0]
            _ahead = theirs - (before + (timezone.now() - before) / 2)
    return _ahead
