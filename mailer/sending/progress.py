"""How fast a run goes, when it will be done, and why it waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext

from mailer.models import Attempt, Lease
from mailer.sending import clock, consumers, holding
from site_config.queue import QUEUE_AWAY

if TYPE_CHECKING:
    from mailer.models import Mailing

SAMPLES = 12
SAMPLE_SECONDS = 5  # between two of them
KEPT_SECONDS = 120
STILL_SECONDS = 50  # without a mail until people are told why: the oldest sample is hardly older
BEGINS_WITHIN = timedelta(seconds=15)
LATE = timedelta(minutes=1)
CACHE_AWAY: tuple[type[Exception], ...] = (*QUEUE_AWAY, OSError)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`per_minute`: mails decided per minute, measured lately. `waits`: why nothing is being sent now."""

    per_minute: int
    seconds_left: int | None
    waits: str
    until: datetime | None = None


def progress_of(attempt: Attempt) -> Progress:
    """The state of an unfinished run; the number of statements does not depend on its size."""
    now = clock.now()
    samples = _samples(attempt, now.timestamp())
    waits, until = _why_it_waits(attempt, now)
    waits = waits or _why_it_stands_still(attempt, samples, now.timestamp())
    rate = _rate(attempt, samples, now)
    left = round(attempt.waiting / rate) if rate > 0 and not waits else None
    return Progress(per_minute=round(rate * 60), seconds_left=left, waits=waits, until=until)


def _why_it_waits(attempt: Attempt, now: datetime) -> tuple[str, datetime | None]:
    """A sentence, and until when if known; empty while it is being sent."""
    if attempt.held_at:
        return gettext("It is on hold until someone acts."), None
    if switched_off := _switched_off(attempt.mailing):
        return switched_off, None
    if attempt.problem_code == Attempt.ALLOWANCE:
        return gettext("This account has used up its daily allowance."), attempt.resumes_at
    if until := holding.resumes_at(attempt.pk):
        return gettext("We are giving the mail server a break."), until
    return _by_what_is_due(attempt, now)


def why_late(mailing: "Mailing") -> str:
    """Why the run that was due a minute ago has not begun; nothing while it is on time."""
    due = mailing.comes_at
    if due is None or mailing.opening_problem or clock.now() - due < LATE:
        return ""
    if not mailing.owner.is_active:
        return gettext("The owner's account is blocked.")
    if consumers.alive().exists():
        return gettext("The consumer is busy with what was due before. It begins as soon as it can.")
    return gettext("No consumer is running. Ask the people who run the service to start one.")


def _by_what_is_due(attempt: Attempt, now: datetime) -> tuple[str, datetime | None]:
    """Nobody sends what is due, or nothing is due yet."""
    due = attempt.deliveries.filter(next_try_at__lte=now).open().order_by("-next_try_at", "-pk")
    if due.values_list("pk").first() is not None:
        return _nobody_sends(attempt, now), None
    later = attempt.deliveries.filter(next_try_at__gt=now).open().order_by("next_try_at", "pk")
    if next_try := later.values_list("next_try_at", flat=True).first():
        return gettext("The rest is waiting for another try, as the server asked."), next_try
    return "", None


def _switched_off(mailing: "Mailing") -> str:
    if mailing.disabled_at:
        return gettext("A manager disabled the mailing.")
    if not mailing.owner.is_active:
        return gettext("The owner's account is blocked.")
    return gettext("The mailing is paused.") if mailing.paused_at else ""


def _nobody_sends(attempt: Attempt, now: datetime) -> str:
    """Why nobody sends what is due, if that is so."""
    leases = list(Lease.objects.filter(attempt=attempt).values_list("running", "expires_at"))
    if any(running and expires_at > now for running, expires_at in leases):
        return ""
    if any(not running and expires_at > now for running, expires_at in leases):
        return gettext("It is waiting its turn behind other mailings.") if _is_late(attempt, now) else ""
    if not _is_late(attempt, now):
        return ""
    return gettext("No consumer has picked it up. Ask the people who run the service whether one is running.")


def _is_late(attempt: Attempt, now: datetime) -> bool:
    return now - attempt.started_at > BEGINS_WITHIN


def _why_it_stands_still(attempt: Attempt, samples: list[tuple[float, int]], now: float) -> str:
    """Why a run of which nothing else is known has not sent a mail for a minute."""
    since, done = samples[0] if samples else (now, attempt.done)
    if now - since < STILL_SECONDS or done < attempt.done:
        return ""
    if settings.MAIL_RATE_PER_MINUTE or settings.MAIL_RATE_PER_MAILING:
        return gettext("This service sends only so many mails a minute, and other mailings have their share.")
    text = gettext(
        "The mail server is slow to answer. After %(seconds)s seconds we will try another connection."
    )
    return text % {"seconds": settings.MAIL_TIMEOUT}


def _rate(attempt: Attempt, samples: list[tuple[float, int]], now: datetime) -> float:
    """Mails per second since the oldest sample of the last minute, or since the run began."""
    since, done = samples[0] if len(samples) > 1 else (attempt.started_at.timestamp(), attempt.skipped)
    seconds = now.timestamp() - since
    rate = (attempt.done - done) / seconds if seconds > 0 else 0.0
    limit = settings.MAIL_RATE_PER_MINUTE
    return max(min(rate, limit / 60) if limit else rate, 0.0)


def _samples(attempt: Attempt, now: float) -> list[tuple[float, int]]:
    """Earlier samples: each request of the page stores one for the requests that follow."""
    key = f"mailer:rate:{attempt.pk}"
    try:
        samples: list[tuple[float, int]] = cache.get(key) or []
        if not samples or now - samples[-1][0] >= SAMPLE_SECONDS:
            samples = [*samples, (now, attempt.done)][-SAMPLES:]
            cache.set(key, samples, KEPT_SECONDS)
    except CACHE_AWAY:
        return []
    return samples
