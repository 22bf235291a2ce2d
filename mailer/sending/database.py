"""When the database is away: unreachable, restarting, read-only after a failover, or out of connections.

Each thread that notices waits by itself. It is logged once per process, and "back"
means that a write succeeded.
"""

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection

from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

Value = TypeVar("Value")
PAUSE_SECONDS = 0.5
GIVE_UP_SECONDS = 300
SILENCE_SECONDS = 5
READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction
LOCKED = "55P03"  # lock_not_available
REFUSED_SECONDS = 3  # after one thread was refused, others need not ask
QUIET_SECONDS = 60  # one that comes and goes is reported so often at most


class _Availability:
    """What this process knows of the database."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.forget()

    def forget(self) -> None:
        self.away_since: float | None = None
        self.refused_at = float("-inf")
        self.back_at = float("-inf")
        self.level = logging.WARNING


_known = _Availability()
forget = _known.forget


def note_away(error: BaseException) -> None:
    """Say, unless that was said already, that what is to be written has to wait."""
    with _known.lock:
        _known.refused_at = monotonic()
        if _known.away_since is not None:
            return
        _known.away_since = monotonic()
        often = monotonic() - _known.back_at < QUIET_SECONDS
        _known.level = logging.INFO if often else logging.WARNING
    log.log(_known.level, "the database is away, waiting for it: %s", str(error).partition("\n")[0])


def note_back() -> None:
    """It took a write."""
    if _known.away_since is None:
        return
    with _known.lock:
        if _known.away_since is None:
            return
        seconds = monotonic() - _known.away_since
        _known.away_since, _known.back_at = None, monotonic()
    log.log(_known.level, "the database is back after %.1f seconds", seconds)


def is_noted_away() -> bool:
    return _known.away_since is not None


def was_just_away() -> bool:
    """Whether a thread of this process has just been refused, and none has written since."""
    return is_noted_away() and monotonic() - _known.refused_at < REFUSED_SECONDS


def seconds_since_return() -> float:
    """How long it has been of use without a break; 0 while it is away."""
    return 0.0 if is_noted_away() else monotonic() - _known.back_at


def is_away(error: BaseException | None) -> bool:
    """Whether the same statement may succeed once the database is back."""
    if isinstance(error, InternalError):
        return _state(error) == READ_ONLY
    return isinstance(error, OperationalError | InterfaceError)


def is_locked(error: BaseException) -> bool:
    """Whether another session held a row for longer than this one waits."""
    return isinstance(error, OperationalError) and (_state(error) == LOCKED or "locked" in str(error))


def is_row_locked(error: BaseException) -> bool:
    """The same on PostgreSQL, where only that row is meant."""
    return isinstance(error, OperationalError) and _state(error) == LOCKED


class Silence:
    """Notices by a thread that asks every moment when the database has answered nobody for a while."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """What was asked meanwhile was expected to take long."""
        self._heard_at = monotonic()

    def heard(self) -> None:
        """It has answered something that takes no time."""
        if monotonic() - self._heard_at > SILENCE_SECONDS:
            _known.back_at = monotonic()
        self.restart()


def retry_while_away(
    call: Callable[[], Value], *, seconds: float = GIVE_UP_SECONDS, through_locks: bool = True
) -> Value:
    """Repeat a call until the database is back; errors of other kinds are raised at once.

    Only for calls that are safe to repeat. `through_locks`: also while another session holds a row. Gives up
    with the last error after so many seconds, or when this process is asked to stop.
    """
    end = monotonic() + seconds
    while True:
        try:
            value = call()
        except DatabaseError as error:
            if not is_away(error) or monotonic() > end or STOPPING.is_set():
                raise
            if is_row_locked(error) and not through_locks:
                raise
            note_away(error)
            connection.close()
            STOPPING.wait(PAUSE_SECONDS)
        else:
            note_back()
            return value


def _state(error: BaseException) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
