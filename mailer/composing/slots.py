"""At most one message is prepared per processor core, whichever process of this machine asks.

Who waits in front of a screen waits shortly, and only a few do: a site whose threads all wait is no site.
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

# The user to whose request this is the answer; a middleware sets it. Nobody, for consumers and commands.
ASKER: ContextVar[int | None] = ContextVar("preparing_asker", default=None)

WAIT_SECONDS = 10.0
ASKER_WAIT_SECONDS = 1.5
PER_ASKER = 2  # requests of one user, of which one is prepared: a double click is no attack
AT_ONCE = 6  # requests of all users: fewer than one web worker has threads
_CORES = os.cpu_count() or 1
_FILES = 1024  # that users share: two of them meet once in a thousand times
_PAUSE = 0.02


class Busy(CannotCompile):
    """Nothing is wrong with the message: too many others are being prepared."""

    @classmethod
    def now(cls) -> Self:
        return cls(_("the service is busy with other messages; try again in a minute"), token=None)


@contextmanager
def slot() -> Iterator[None]:
    """Hold one of the machine's places; Busy if none is free in time."""
    asker = ASKER.get()
    end = monotonic() + (WAIT_SECONDS if asker is None else ASKER_WAIT_SECONDS)
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
    """The first of these locks that is free; closing it, or the end of the process, frees it again."""
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
