"""The queue classes that settings.HUEY names: stock huey, with a consumer that stops gently."""

import logging
import sqlite3
from collections.abc import Callable
from threading import Event
from types import FrameType
from typing import Any

from django.db import transaction
from huey import PriorityRedisHuey, SqliteHuey
from huey.consumer import Consumer

from site_config.shutdown import STOPPING

QUEUE_AWAY: tuple[type[Exception], ...] = (sqlite3.Error,)  # what the queue raises when it is not there
try:
    from redis.exceptions import RedisError
except ImportError:  # an embedded installation
    pass
else:
    QUEUE_AWAY += (RedisError,)

log = logging.getLogger(__name__)
_away = Event()


def after_commit(put: Callable[[], object]) -> None:
    """Put a task into the queue once the transaction is in, or at once if there is none.

    Only for what the sweep finds by itself: while the queue is away it is left to that.
    """

    def put_or_leave() -> None:
        try:
            put()
        except QUEUE_AWAY as error:
            if not _away.is_set():
                log.warning("The queue is away; consumers do its work without it: %s", error)
            _away.set()
        else:
            if _away.is_set():
                log.warning("The queue is back.")
            _away.clear()

    transaction.on_commit(put_or_leave)


def queue_is_away() -> bool:
    """Whether the last task of this process could not be queued."""
    return _away.is_set()


class GentleConsumer(Consumer):
    """Ctrl-C and a supervisor's SIGTERM both let the message in hand finish; a second one insists.

    A terminal's Ctrl-C reaches the process twice: from the terminal, and as SIGTERM from the
    process manager; so only the same signal again means "now".
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signal_actions[self._interrupt_sig] = (False, True)

    def _handle_signal(self, signum: int, frame: FrameType | None) -> None:
        STOPPING.set()
        super()._handle_signal(signum, frame)


class EmbeddedQueue(SqliteHuey):
    def create_consumer(self, **options: Any) -> Consumer:
        return GentleConsumer(self, **options)


class RedisQueue(PriorityRedisHuey):
    def create_consumer(self, **options: Any) -> Consumer:
        return GentleConsumer(self, **options)
