"""When a mail is tried again, and when it has been tried often enough."""

import random
from datetime import datetime, timedelta

from django.conf import settings

from mailer.sending import clock

# Minutes until the second, third, … try; the last value is used for all that follow. Together they span more
# than a day (RFC 5321 section 4.5.4.1 wants four or five); the first ones suit greylists.
MINUTES = (1, 5, 10, 30, 60, 120, 240, 480, 720)
SPAN = timedelta(hours=24)


def seconds_until_retry(tries: int, named: int | None = None, *, busy: bool = False) -> float:
    """How long to wait after this many tries, with a tenth of jitter either way.

    `named`: the seconds that the server's answer asks for. `busy`: the server had too much to do, and is
    likely to be free before a greylist lets anybody through.
    """
    minutes = MINUTES[min(tries, len(MINUTES)) - 1]
    if busy:
        minutes = min(minutes, 2 ** (tries - 1))
    seconds = float(named or 60 * minutes)
    return seconds * random.uniform(1.0 if named else 0.9, 1.1)


def exhausted(tries: int, *, since: datetime) -> bool:
    """Whether a deferred mail has been tried often and long enough."""
    return tries >= settings.MAIL_MAX_TRIES and clock.now() - since >= SPAN
