"""Once a minute: makes sure that a lost task loses nothing."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from django.db.models import Exists, OuterRef, Q

from mailer.guard import allowance
from mailer.models import Attempt, Delivery, Mailing
from mailer.sending import clock, closing, consumers, holding, leases, rate_limit, server_health
from mailer.sending.database import is_away, is_row_locked

log = logging.getLogger(__name__)


def begin() -> None:
    """Go on at once after a restart, with settings read anew and the tasks queued again."""
    release_held()
    leases.queue_again()


def sweep() -> None:
    """Recover lost workers, resume what waits, close what has ended; each attempt for itself."""
    now = clock.now()
    recover(leases.lost())
    leases.queue_late()
    _each(_ended(now), partial(closing.expire_ended, now=now))
    rate_limit.forget_old()
    allowance.forget_old(now)
    consumers.forget_old()
    _each(unattended(now), _attend)


def _attend(attempt_id: int) -> None:
    holding.settle_set_aside(attempt_id)
    if not closing.finish(attempt_id):
        leases.enqueue(attempt_id)


def _each(ids: Iterable[int], call: Callable[[int], object]) -> None:
    """Call the function for each; a failure is noted, and the others are still handled."""
    for attempt_id in ids:
        try:
            call(attempt_id)
        except Exception as error:
            if is_row_locked(error):
                log.warning("attempt %s: another session holds its rows, it is looked at later", attempt_id)
                continue
            if is_away(error):
                raise
            log.exception("attempt %s could not be seen to", attempt_id)


def recover(attempt_ids: Iterable[int]) -> None:
    """Put back what workers that are gone had in hand."""
    _each(attempt_ids, leases.enqueue)


def unattended(now: datetime) -> list[int]:
    """Running attempts that could go on or be closed, and that have no worker, running or queued."""
    if server_health.rests_until():
        return []
    queued = Delivery.objects.filter(attempt=OuterRef("pk"), status=Delivery.Status.QUEUED)
    undecided = Delivery.objects.filter(attempt=OuterRef("pk")).open()
    attempts = Attempt.objects.running().filter(
        Q(resumes_at=None) | Q(resumes_at__lte=now),
        mailing__in=Mailing.objects.allowed(),
        held_at=None,
        leases__isnull=True,
    )
    only_refused = ~Exists(undecided.exclude(status=Delivery.Status.QUEUED, refusal__in=holding.SET_ASIDE))
    ready = Exists(queued.filter(next_try_at__lte=now)) | ~Exists(undecided) | only_refused
    return list(attempts.filter(ready).values_list("pk", flat=True))


def release_held() -> None:
    """Try again what wrong settings stopped: this process has read them anew.

    What the server refused stays held until a person releases it.
    """
    held = Attempt.objects.running().filter(held_at__isnull=False)
    held.filter(problem_code__in=("", *holding.SETTINGS)).update(held_at=None, problem_code="")


def _ended(now: datetime) -> list[int]:
    running = Attempt.objects.running().filter(mailing__ends_at__lte=now)
    return list(running.values_list("pk", flat=True))
