"""Work that waits for the network, kept away from huey's workers, which could send meanwhile."""

import logging
from collections.abc import Callable
from threading import BoundedSemaphore, Lock, Thread
from typing import Any

from django.db import connection
from huey.contrib.djhuey import HUEY

log = logging.getLogger(__name__)


class Aside:
    """A thread of its own for one kind of work, one piece at a time; beyond `waiting`, more are dropped.

    The page shows a piece that is dropped, or lost with its process, as one that could not be done.
    """

    def __init__(self, *, waiting: int = 20) -> None:
        self._turn, self._places = Lock(), BoundedSemaphore(waiting)

    def run(self, work: Callable[..., None], *args: Any) -> None:
        if HUEY.immediate:
            work(*args)
        elif self._places.acquire(blocking=False):
            Thread(target=self._take_turn, args=(work, *args), daemon=True).start()

    def _take_turn(self, work: Callable[..., None], *args: Any) -> None:
        try:
            with self._turn:
                work(*args)
        except Exception:
            log.exception("%s%r failed", work.__qualname__, args)
        finally:
            connection.close()  # this thread's own
            self._places.release()
