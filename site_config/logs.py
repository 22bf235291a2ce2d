"""What is logged, and how often."""

import logging
from time import monotonic

QUIET_SECONDS = 60


class NoTraceOfRefusals(logging.Filter):
    """A 403 or 404 is one line: its traceback says nothing, and strangers could fill the disk with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
        return True


class OnceAMinute(logging.Filter):
    """While the queue is away, huey logs a traceback per worker ten times a second; once a minute will do."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("huey") or not str(record.msg).startswith("Error "):
            return True
        if monotonic() - self._logged_at.get(record.msg, float("-inf")) < QUIET_SECONDS:
            return False
        self._logged_at[record.msg] = monotonic()
        error = record.exc_info[1] if record.exc_info else None
        record.msg, record.args = f"{record.getMessage()} {type(error).__name__}: {error}", ()
        record.exc_info = record.exc_text = None
        return True
