"""The mail server's health, shared by all workers: after a failure it rests, longer each time."""

import random
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from mailer.models import MailServer

_ID = 1
FIRST_REST_SECONDS = 2
LONGEST_REST_SECONDS = 300


def rests_until() -> datetime | None:
    """When the server may be tried again, or None if it may be used now."""
    row = MailServer.objects.filter(pk=_ID, rests_until__gt=timezone.now()).first()
    return row.rests_until if row else None


def failing() -> bool:
    """Whether the server failed when it was last used."""
    return MailServer.objects.filter(pk=_ID, failures__gt=0).exists()


def rest(answer: str) -> datetime:
    """Note a failure and return until when the server rests: exponential backoff with full jitter."""
    now = timezone.now()
    with transaction.atomic():
        row, _ = MailServer.objects.select_for_update().get_or_create(pk=_ID)
        if row.rests_until and row.rests_until > now:
            return row.rests_until  # another worker noticed the same failure
        row.failures += 1
        ceiling = min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2 ** min(row.failures - 1, 10))
        until = now + timedelta(seconds=random.uniform(ceiling / 2, ceiling))  # noqa: S311
        row.rests_until, row.answer = until, answer
        row.save()
    return until


def recovered() -> None:
    """The server accepted a connection again: the next failure starts from a short rest."""
    MailServer.objects.filter(pk=_ID, failures__gt=0).update(failures=0, rests_until=None, answer="")
