"""The week in figures for each owner whose mailings ran, on Monday morning in their own time zone."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from mailer import notices
from mailer.models import Attempt, Suppression
from mailer.reporting.figures import totals_of
from people.models import User
from people.notifying import forget_old
from site_config.shutdown import STOPPING

HOUR, MONDAY = 9, 0
WEEK = timedelta(days=7)


def send_digests(*, now: datetime | None = None) -> int:
    """Notify those for whom it is Monday, nine in the morning or later; safe to call again.

    Returns how many this call notified.
    """
    now = now or timezone.now()
    forget_old()
    recent = Attempt.objects.filter(started_at__gte=now - WEEK, started_at__lt=now)
    owners = User.objects.filter(is_active=True, pk__in=recent.values("mailing__owner"))
    notified = 0
    for owner in owners.order_by("pk").iterator(500):
        if STOPPING.is_set():
            break
        notified += _is_morning(now.astimezone(owner.zone)) and _notify(owner, now)
    return notified


def _is_morning(local: datetime) -> bool:
    return local.weekday() == MONDAY and HOUR <= local.hour < HOUR + 3


def _notify(owner: User, now: datetime) -> bool:
    until = now.astimezone(owner.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = until - WEEK
    runs = Attempt.objects.owned_by(owner).filter(started_at__gte=since, started_at__lt=until)
    totals = totals_of(runs)
    if not totals.runs:
        return False
    left = Suppression.objects.owned_by(owner).filter(
        reason=Suppression.Reason.UNSUBSCRIBED, created_at__gte=since, created_at__lt=until
    )
    return notices.digest(
        owner,
        week=f"{since:%G-W%V}",
        path=f"{reverse('report_figures')}?since={since:%Y-%m-%d}&until={until - timedelta(days=1):%Y-%m-%d}",
        runs=totals.runs,
        sent=totals.sent,
        refused=totals.failed + totals.expired,
        left=left.count(),
    )
