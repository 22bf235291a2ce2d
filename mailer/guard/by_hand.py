"""Keeps somebody who presses "Run now" from mailing one address over and over."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import CharField, Count
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_noop

from mailer.models import Attempt, Delivery
from people.models import User

MOST = 3  # mails to one address in 24 hours
DAY = timedelta(hours=24)
ENOUGH = gettext_noop("Not mailed: manual runs have mailed this address three times in 24 hours")
Status = Delivery.Status


def one_at_a_time(owner: User) -> None:
    """Let manual runs of one owner begin one after the other, so that each counts those before it.

    In their transaction, before the mailing is locked.
    """
    if settings.GUARD and owner.mails_per_day is not None:
        User.objects.select_for_update(no_key=True).filter(pk=owner.pk).values_list("pk", flat=True).first()


def skip_often_mailed(attempt: Attempt, *, now: datetime) -> int:
    """Skip the recipients of a manual run who have had enough; return how many.

    The attempt was written in this transaction, and nobody sends for it yet.
    """
    owner = attempt.mailing.owner
    if not settings.GUARD or owner.mails_per_day is None:
        return 0
    earlier = Attempt.objects.filter(mailing__owner=owner, by_hand=True, started_at__gt=now - DAY).exclude(
        pk=attempt.pk
    )
    ids = list(earlier.values_list("pk", flat=True))
    if len(ids) < MOST:
        return 0
    key = Coalesce("address_key", "email", output_field=CharField())
    mailed = Delivery.objects.filter(attempt__in=ids, status__in=(Status.QUEUED, Status.SENDING, Status.SENT))
    often = mailed.annotate(key=key).values("key").annotate(times=Count("pk")).filter(times__gte=MOST)
    mine = Delivery.objects.filter(attempt=attempt, status=Status.QUEUED).annotate(key=key)
    return mine.filter(key__in=often.values("key")).update(
        status=Status.SKIPPED, response=ENOUGH, next_try_at=None, finished_at=now
    )
