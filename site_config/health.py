"""Whether the database and the queue accept writes: for a load balancer or a supervisor.

Each is tried in its own thread, so that one that hangs keeps nobody waiting, and at most once a second per
process, however often somebody asks. When the last trial ended seconds ago, the answer does not wait long for
the next: on a busy machine a trial is slow, and nothing is wrong.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from time import monotonic

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from site_config.queue import try_queue

ANSWER_SECONDS = 2.0
PATIENCE_SECONDS, KNOWN_SECONDS = 0.03, 5.0  # for a trial, when the last one ended so recently
FRESH_SECONDS = 1.0
LOCK_MILLISECONDS = 1000
OK, HANGS, AWAY = gettext_noop("ok"), gettext_noop("does not answer"), gettext_noop("away")
# Returned by `cause`.
CAUSES = (
    gettext_noop("is read-only"), gettext_noop("full"), gettext_noop("has no free connection"),
    gettext_noop("is locked"),
)  # fmt: skip
_NAMES = {"database": gettext_noop("Database"), "queue": gettext_noop("Queue")}

log = logging.getLogger(__name__)


class Part:
    """Something that must accept writes; `state` is "ok" or what is wrong, in a few words."""

    def __init__(self, name: str, attempt: Callable[[], None], *, here: bool = False) -> None:
        self.name = name
        self.state = OK
        self._attempt = attempt
        self._here = here  # it never hangs, so it needs no thread
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"health-{name}")
        self._trial: Future[str] | None = None
        self._tried_at = self._known_at = float("-inf")
        self._lock = Lock()

    def begin(self) -> None:
        """Try it, unless it was just tried or a trial still hangs."""
        with self._lock:
            hangs = self._trial is not None and not self._trial.done()
            if not hangs and monotonic() - self._tried_at >= FRESH_SECONDS:
                self._tried_at = monotonic()
                self._trial = Future() if self._here else self._threads.submit(self._try)
                if self._here:
                    self._trial.set_result(self._try())

    def end(self, until: float) -> str:
        """What is wrong, if that is known by then."""
        if self._trial is None:
            return self.state
        known = monotonic() - self._known_at < KNOWN_SECONDS
        try:
            state = self._trial.result(PATIENCE_SECONDS if known else max(until - monotonic(), 0))
            self._known_at = monotonic()
        except TimeoutError:
            state = self.state if known else HANGS
        if state != self.state:
            log.warning("the %s: %s", self.name, state)
            self.state = state
        return state

    def _try(self) -> str:
        try:
            self._attempt()
        except Exception as error:
            log.info("the %s takes no write: %s", self.name, error)
            return cause(error)
        finally:
            if not self._here:
                connection.close()  # this thread's own
        return OK


def healthz(_request: HttpRequest) -> JsonResponse:
    """200 with each part `ok`, or 503 with what is wrong, within two seconds."""
    states = _ask()
    status = 200 if set(states.values()) == {OK} else 503
    return JsonResponse(states, status=status, headers={"Cache-Control": "no-store"})


def state() -> list[tuple[str, str]]:
    """The same for people: the name of each part, and what is wrong with it, if anything."""
    return [(gettext(_NAMES[name]), gettext(state)) for name, state in _ask().items()]


def _ask() -> dict[str, str]:
    until = monotonic() + ANSWER_SECONDS
    for part in PARTS:
        part.begin()
    return {part.name: part.end(until) for part in PARTS}


def cause(error: BaseException) -> str:
    """What is wrong, in words that tell a stranger nothing about addresses and accounts."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    text = f"{type(error).__name__} {error}"  # redis-py leaves the code of a reply out of the text
    known = {
        "is read-only": state == "25006" or "readonly" in text.lower(),
        "full": (state.startswith("53") and state != "53300")
        or "OutOfMemory" in text
        or "disk is full" in text,
        "has no free connection": state == "53300" or "too many connections" in text or "in use" in text,
        "is locked": state in ("55P03", "57014") or "locked" in text,
    }
    return next((words for words, fits in known.items() if fits), AWAY)


def _write_to_database() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_MILLISECONDS}")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            cursor.execute(_WRITE, [connection.ops.adapt_datetimefield_value(timezone.now())])
    finally:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                usual = connection.settings_dict["OPTIONS"].get("timeout", 5)
                cursor.execute(f"PRAGMA busy_timeout = {1000 * usual}")


_WRITE = """
INSERT INTO mailer_healthcheck (id, checked_at) VALUES (1, %s)
ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at
"""
PARTS = (
    Part("database", _write_to_database, here=connection.vendor == "sqlite"),
    Part("queue", try_queue),
)
