"""What is logged, and how often."""

import logging
from time import monotonic

from django.db import InterfaceError, OperationalError

QUIET_SECONDS = 60


class NoTraceOfRefusals(logging.Filter):
    """A 403 or 404 is one line: its traceback says nothing, and strangers could fill the disk with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
        return True


class OnceAMinute(logging.Filter):
    """While the queue is away, huey logs a traceback per worker ten times a second; once a minute will do.

    So it will for tasks that fail because the database is away: lost tasks are found again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not record.name.startswith("huey") or not _is_of_absence(record, error):
            return True
        if monotonic() - self._logged_at.get(record.msg, float("-inf")) < QUIET_SECONDS:
            return False
        self._logged_at[record.msg] = monotonic()
        first_line = str(error).partition("\n")[0]
        record.msg, record.args = f"{record.getMessage()} {type(error).__name__}: {first_line}", ()
        record.exc_info = record.exc_text = None
        return True


def _is_of_absence(record: logging.LogRecord, error: BaseException | None) -> bool:
    """Whether it is said because the queue is away, or the database."""
    return str(record.msg).startswith("Error ") or isinstance(error, OperationalError | InterfaceError)
