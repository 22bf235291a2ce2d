"""The queue classes that settings.HUEY names: stock huey, with a consumer that stops gently."""

import sqlite3
from types import FrameType
from typing import Any

from huey import RedisHuey, SqliteHuey
from huey.consumer import Consumer

from site_config.shutdown import STOPPING

QUEUE_AWAY: tuple[type[Exception], ...] = (sqlite3.Error,)  # what the queue raises when it is not there
try:
    from redis.exceptions import RedisError
except ImportError:  # an embedded installation
    pass
else:
    QUEUE_AWAY += (RedisError,)


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


class RedisQueue(RedisHuey):
    def create_consumer(self, **options: Any) -> Consumer:
        return GentleConsumer(self, **options)
