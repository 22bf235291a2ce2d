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

Task = Callable[..., None]
log = logging.getLogger(__name__)
_away = Event()


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


class _LongWork:
    """The long tasks of this process, one after the other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._busy = False
        self._waiting: dict[tuple[Task, tuple[object, ...]], None] = {}  # once each, in order

    def do(self, task: Task, arguments: tuple[object, ...]) -> None:
        """Do it, and then what has come meanwhile; if another thread is at it, leave it to that one."""
        with self._lock:
            self._waiting[task, arguments] = None
            if self._busy:
                return
            self._busy = True
        while work := self._next():
            task, arguments = work
            try:
                task(*arguments)
            except Exception:  # the others are still to be done
                log.exception("%s%s failed", task.__name__, arguments)
            connections.release()

    def _next(self) -> tuple[Task, tuple[object, ...]] | None:
        with self._lock:
            self._busy = bool(self._waiting)
            if not self._busy:
                return None
            work = next(iter(self._waiting))
            del self._waiting[work]
            return work


_long_work = _LongWork()


def long_work(task: Task) -> Task:
    """A task of which each process does one at a time: its other workers and connections are for sending.

    Only for what a sweep finds again, as what waits for its turn is gone with the process.
    """

    @wraps(task)
    def do_in_turn(*arguments: object) -> None:
        _long_work.do(task, arguments)

    return do_in_turn


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
