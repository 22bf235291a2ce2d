"""The queue classes that settings.HUEY names: stock huey, with a consumer that stops gently."""

import json
import logging
import signal
import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from threading import Event, Lock
from types import FrameType
from typing import Any

from django.db import connection, transaction
from huey import PriorityRedisHuey, SqliteHuey
from huey.consumer import Consumer, ConsumerStopped
from huey.exceptions import RetryTask
from huey.registry import Message
from huey.serializer import Serializer

from site_config import connections
from site_config.shutdown import STOPPING

QUEUE_AWAY: tuple[type[Exception], ...] = (sqlite3.Error,)  # what the queue raises when it is away
try:
    from redis.exceptions import RedisError
except ImportError:  # an embedded installation
    pass
else:
    QUEUE_AWAY += (RedisError,)

PUT_OFF_SECONDS = 5
Task = Callable[..., None]
log = logging.getLogger(__name__)
_away = Event()
_long_work = Lock()


def after_commit(put: Callable[[], object]) -> None:
    """Queue a task once the transaction is committed, or at once if there is none.

    Only for what the sweep finds by itself: while the queue is away, it is left to that.
    """

    def put_or_leave() -> None:
        try:
            put()
        except QUEUE_AWAY as error:
            _note_away(error)
        else:
            _note_back()

    if connection.in_atomic_block:
        transaction.on_commit(put_or_leave)
    else:
        put_or_leave()  # without asking the database, which may be away


def try_queue() -> None:
    """Write to where tasks are stored; any error is raised."""
    from huey.contrib.djhuey import HUEY  # it reads the settings that name this module

    HUEY.storage.put_data(b"tried", b"1")


def look_after_queue() -> None:
    """Find out whether the queue accepts tasks, without waiting for one."""
    try:
        try_queue()
    except QUEUE_AWAY as error:
        _note_away(error)
    else:
        _note_back()


def queue_is_away() -> bool:
    """Whether this process's last write to the queue failed."""
    return _away.is_set()


def _note_away(error: Exception) -> None:
    if not _away.is_set():
        log.warning("The queue is away; consumers do its work without it: %s", error)
    _away.set()


def _note_back() -> None:
    if _away.is_set():
        log.warning("The queue is back.")
    _away.clear()


def is_backed_up(by: int = 1) -> bool:
    """Whether at least so many tasks are waiting for a worker; False if the queue cannot tell."""
    from huey.contrib.djhuey import HUEY  # it reads the settings that name this module

    try:
        return int(HUEY.pending_count()) >= by
    except QUEUE_AWAY:
        return False


def long_work(*, swept: bool) -> Callable[[Task], Task]:
    """A task of which each process does one at a time: its other workers and connections are for sending.

    Meanwhile, what is `swept` is left to the sweep that finds it again; all else is put off for a moment. To
    put off both would let those that each sweep adds pile up.
    """

    def decorate(task: Task) -> Task:
        @wraps(task)
        def do_one_at_a_time(*arguments: object) -> None:
            if _long_work.acquire(blocking=False):
                try:
                    task(*arguments)
                finally:
                    _long_work.release()
            elif not swept:
                raise RetryTask(delay=PUT_OFF_SECONDS)

        return do_one_at_a_time

    return decorate


class GentleConsumer(Consumer):
    """Ctrl-C and a supervisor's SIGTERM both let the current message finish; the same again stops at once.

    A terminal's Ctrl-C reaches the process twice: from the terminal, and as SIGTERM from the process manager;
    so only a repeat of the same signal means "now".
    """

    def start(self) -> None:
        """Install handlers in place of huey's, of which one signal is gentle and the other is not."""
        super().start()
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self.stop_gently)

    def run(self) -> None:
        connections.share()
        super().run()

    def stop_gently(self, signum: int, frame: FrameType | None) -> None:
        log.info("Received %s", signal.Signals(signum).name)
        STOPPING.set()
        signal.signal(signum, signal.default_int_handler)

    def loop(self, health_check_ts: float | None = None) -> float | None:
        """Watch the workers until the process is asked to stop; called ten times a second."""
        if STOPPING.is_set():
            self.stop(graceful=True)
            raise ConsumerStopped
        checked: float | None = super().loop(health_check_ts)
        return checked


class JsonSerializer(Serializer):
    """Tasks as JSON, which executes nothing when it is read: a queue is not to be trusted.

    Arguments are numbers, strings, lists and dictionaries; anything else fails where it is queued.
    """

    def _serialize(self, data: Any) -> bytes:
        plain = {"task": data._asdict()} if isinstance(data, Message) else {"data": data}
        return json.dumps(plain, default=_time_as_text).encode()

    def _deserialize(self, data: bytes) -> Any:
        plain = json.loads(data, object_hook=_text_as_time)
        return Message(**plain["task"]) if "task" in plain else plain["data"]


def _time_as_text(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    raise TypeError(f"A task's argument cannot be a {type(value).__name__}.")


def _text_as_time(plain: dict[str, Any]) -> Any:
    return datetime.fromisoformat(plain["time"]) if plain.keys() == {"time"} else plain


class EmbeddedQueue(SqliteHuey):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, serializer=JsonSerializer(), **kwargs)

    def create_consumer(self, **options: Any) -> Consumer:
        return GentleConsumer(self, **options)


class RedisQueue(PriorityRedisHuey):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, serializer=JsonSerializer(), **kwargs)

    def create_consumer(self, **options: Any) -> Consumer:
        return GentleConsumer(self, **options)
