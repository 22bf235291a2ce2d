"""What makes sure, once a minute, that a lost task loses nothing."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from mailer.models import Attempt, Delivery, Mailing
from mailer.sending import closing, leases, rate_limit, server_health
from mailer.sending.opening import open_mailing

HORIZON = timedelta(seconds=75)  # the next sweep comes before that


def sweep(*, now: datetime | None = None) -> None:
    """Open what is due, recover lost workers, resume what waits, close what has ended."""
    now = now or timezone.now()
    for attempt_id in leases.expired():
        leases.enqueue(attempt_id)
    for attempt_id in _ended(now):
        closing.expire_ended(attempt_id, now=now)
    for mailing_id in due(now):
        open_mailing(mailing_id, now=now)
    rate_limit.forget_old()
    for attempt_id in unattended(now):
        if not closing.finish(attempt_id):
            leases.enqueue(attempt_id)


def due(now: datetime) -> list[int]:
    """The mailings whose next run should have begun, the longest waiting first."""
    return list(Mailing.objects.due(now).order_by("next_run_at", "pk").values_list("pk", flat=True))


def coming(now: datetime) -> list[tuple[int, datetime]]:
    """The mailings that are due before the next sweep, and exactly when."""
    soon = Mailing.objects.allowed().filter(next_run_at__gt=now, next_run_at__lte=now + HORIZON)
    return [(pk, due) for pk, due in soon.values_list("pk", "next_run_at") if due]


def unattended(now: datetime) -> list[int]:
    """Running attempts that could go on now, or be closed, and that no worker has or awaits."""
    if server_health.rests_until():
        return []
    queued = Delivery.objects.filter(attempt=OuterRef("pk"), status=Delivery.Status.QUEUED)
    undecided = Delivery.objects.filter(attempt=OuterRef("pk")).open()
    attempts = Attempt.objects.running().filter(
        mailing__in=Mailing.objects.allowed(), held_at=None, leases__isnull=True
    )
    ready = Exists(queued.filter(next_try_at__lte=now)) | ~Exists(undecided)
    return list(attempts.filter(ready).values_list("pk", flat=True))


def release_held() -> None:
    """Try again what a mistake in the settings stopped: they were read anew when this process began."""
    Attempt.objects.running().filter(held_at__isnull=False).update(held_at=None)


def _ended(now: datetime) -> list[int]:
    running = Attempt.objects.running().filter(mailing__ends_at__lte=now)
    return list(running.values_list("pk", flat=True))
