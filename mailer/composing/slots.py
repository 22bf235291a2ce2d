"""At most one message is prepared per CPU core, whichever process of this machine asks.

Of the requests only a few wait: if all threads waited, the site would be down.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from time import monotonic, sleep
from typing import IO, Self

from django.conf import settings
from django.utils.translation import gettext as _

from mailer.composing.merge import CannotCompile

# The user of the current request, set by a middleware. None in consumers and commands.
ASKER: ContextVar[int | None] = ContextVar("preparing_asker", default=None)
# Set by the same middleware: what has told this request that the service is busy. It does not wait twice.
SEEN_BUSY: ContextVar["list[Busy] | None"] = ContextVar("preparing_seen_busy", default=None)

WAIT_SECONDS = 10.0
PER_ASKER = 4  # requests per user, of which one is prepared: the editor saves, and looks in two places
AT_ONCE = 6  # requests of all users: fewer than a web worker has threads
_CORES = os.cpu_count() or 1
_FILES = 1024  # shared by users: two collide once in a thousand times
_PAUSE = 0.02


class Busy(CannotCompile):
    """The message is fine: too many others are being prepared."""

    @classmethod
    def now(cls) -> Self:
        busy = cls(_("the service is busy with other messages; try again in a minute"), token=None)
        if (seen := SEEN_BUSY.get()) is not None:
            seen.append(busy)
        return busy


@contextmanager
def slot() -> Iterator[None]:
    """Hold one of the machine's slots; raises Busy if none becomes free in time."""
    if SEEN_BUSY.get():
        raise Busy.now()
    asker = ASKER.get()
    end = monotonic() + WAIT_SECONDS
    with ExitStack() as held:
        if asker is not None:
            number = asker % _FILES
            now = monotonic()
            held.enter_context(_one_of([f"user-{number}-{n}" for n in range(PER_ASKER)], until=now))
            held.enter_context(_one_of([f"screen-{n}" for n in range(AT_ONCE)], until=now))
            held.enter_context(_one_of([f"user-{number}"], until=end))
        held.enter_context(_one_of([str(n) for n in range(_CORES)], until=end))
        yield


def _one_of(names: Sequence[str], *, until: float) -> IO[str]:
    """The first free one of these locks; closing it, or the end of the process, frees it again."""
    while (place := _free(names)) is None:
        if monotonic() >= until:
            raise Busy.now()
        sleep(_PAUSE)
    return place


def _free(names: Sequence[str]) -> IO[str] | None:
    folder = settings.VAR_DIR / "preparing"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        place = (folder / f"{name}.lock").open("a")
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody holds it
            place.close()
        else:
            return place
    return None
