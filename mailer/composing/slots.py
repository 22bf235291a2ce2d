"""At most one message is prepared per processor core, whichever process of this machine asks."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from mailer.composing.merge import CannotCompile

WAIT_SECONDS = 10.0
_PAUSE = 0.02


class Busy(CannotCompile):
    """Nothing is wrong with the message: too many others are being prepared."""


@contextmanager
def slot() -> Iterator[None]:
    """Hold one of the machine's places; Busy if none is free in time."""
    end = monotonic() + WAIT_SECONDS
    while (place := _free()) is None:
        if monotonic() > end:
            raise Busy(_("the service is busy with other messages; try again in a minute"), token=None)
        sleep(_PAUSE)
    try:
        yield
    finally:
        place.close()


def _free() -> IO[str] | None:
    folder = settings.VAR_DIR / "preparing"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(os.cpu_count() or 1):
        place = (folder / f"{number}.lock").open("a")
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody holds it
            place.close()
        else:
            return place
    return None
