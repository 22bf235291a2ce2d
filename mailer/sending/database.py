"""When the database is away: unreachable, restarting, read-only after a failover, or out of connections."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection

from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

Value = TypeVar("Value")
PAUSE_SECONDS = 0.5
GIVE_UP_SECONDS = 300
READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction
LOCKED = "55P03"  # lock_not_available


def is_away(error: BaseException | None) -> bool:
    """Whether the same statement may succeed once the database is back."""
    if isinstance(error, InternalError):
        return _state(error) == READ_ONLY
    return isinstance(error, OperationalError | InterfaceError)


def is_locked(error: BaseException) -> bool:
    """Whether another session held a row for longer than this one waits."""
    return isinstance(error, OperationalError) and (_state(error) == LOCKED or "locked" in str(error))


def retry_while_away(call: Callable[[], Value], *, doing: str) -> Value:
    """Repeat a call until the database is back; errors of other kinds are raised at once.

    Only for calls that are safe to repeat. Gives up with the last error after five minutes, or when this
    process is asked to stop.
    """
    end, warned = monotonic() + GIVE_UP_SECONDS, False
    while True:
        try:
            value = call()
        except DatabaseError as error:
            if not is_away(error) or monotonic() > end or STOPPING.is_set():
                raise
            if not warned:
                log.warning("%s: the database is away, waiting for it: %s", doing, error)
                warned = True
            connection.close()
            STOPPING.wait(PAUSE_SECONDS)
        else:
            if warned:
                log.warning("%s: the database is back", doing)
            return value


def _state(error: BaseException) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
