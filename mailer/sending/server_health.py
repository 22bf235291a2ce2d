"""The mail server's health, shared by all workers: after a failure it rests, longer each time."""

import logging
import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from mailer.models import MailServer
from mailer.sending import clock

log = logging.getLogger(__name__)

_ID = 1
FIRST_REST_SECONDS = 2
LONGEST_REST_SECONDS = 300
FIRST_QUOTA_SECONDS = 60
LONGEST_QUOTA_SECONDS = 4 * 3600


def rests_until() -> datetime | None:
    """When the server may be tried again, or None if it may be used now."""
    row = MailServer.objects.filter(pk=_ID, rests_until__gt=clock.now()).first()
    return row.rests_until if row else None


def rest(answer: str) -> datetime:
    """Note a failure and return until when the server rests: exponential backoff with full jitter."""
    return _rest(answer, counter="failures", first=FIRST_REST_SECONDS, longest=LONGEST_REST_SECONDS)


def rest_for_quota(answer: str, *, seconds: float = 0) -> datetime:
    """Rest for the time that the server's answer names, else longer each time, up to hours."""
    return _rest(
        answer,
        counter="quota_failures",
        first=FIRST_QUOTA_SECONDS,
        longest=LONGEST_QUOTA_SECONDS,
        named=seconds,
    )


def recovered() -> None:
    """The server accepted mail again: the next failure starts from a short rest."""
    MailServer.objects.filter(Q(failures__gt=0) | Q(quota_failures__gt=0), pk=_ID).update(
        failures=0, quota_failures=0, rests_until=None, answer=""
    )


def _rest(answer: str, *, counter: str, first: float, longest: float, named: float = 0) -> datetime:
    now = clock.now()
    with transaction.atomic():
        row, _ = MailServer.objects.select_for_update().get_or_create(pk=_ID)
        if row.rests_until and row.rests_until > now:
            return row.rests_until  # another worker noticed the same failure
        failures = getattr(row, counter) + 1
        ceiling = min(longest, first * 2 ** min(failures - 1, 12))
        seconds = named or random.uniform(ceiling / 2, ceiling)
        until = now + timedelta(seconds=seconds)
        MailServer.objects.filter(pk=_ID).update(**{counter: failures}, rests_until=until, answer=answer)
    log.warning("the mail server rests until %s: %s", until.isoformat(timespec="seconds"), answer)
    return until
