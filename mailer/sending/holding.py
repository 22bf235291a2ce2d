"""What keeps an attempt from going on, and how it resumes.

Held: a person has to act first. Resting: the mail server, or this attempt alone, is left alone for a while.
"""

import logging
import random
from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext

from mailer import notices
from mailer.composing.unsubscribe_links import suppress
from mailer.models import Attempt, Delivery, Suppression
from mailer.sending import clock, closing, server_health, stop_loss
from mailer.sending.ledger import count
from mailer.sending.retries import seconds_until_retry
from mailer.sending.stop_loss import ABOUT_US, ONE_RECIPIENT, Stop
from mailer.transport.refusals import KNOWN, RefusalClass, classify

log = logging.getLogger(__name__)

FIRST_SETBACK_SECONDS = 5
LONGEST_SETBACK_SECONDS = 600
MOST_LOOKED_AT = 1000  # deliveries set aside
# What is wrong with this service's own settings; the next consumer that starts has read them anew.
SETTINGS = ("no-starttls", "no-log-in", "password-unprotected", "log-in-refused")
SET_ASIDE = tuple(kind.value for kind in ABOUT_US | ONE_RECIPIENT)


def hold(attempt_id: int, answer: str, *, code: str = "") -> None:
    """Stop an attempt until somebody releases it; the same cause is noted only once."""
    held = Attempt.objects.running().filter(pk=attempt_id, held_at=None)
    if held.update(problem=answer, problem_code=code, held_at=clock.now()):
        log.error("attempt %s is held: %s", attempt_id, answer)
        _notify(attempt_id, code)


def hold_by_settings(attempt_id: int, answer: str) -> None:
    """Stop an attempt because the mail server cannot be used with the settings as they are."""
    code = trouble(answer)
    hold(attempt_id, answer, code=code if code in SETTINGS else "")


def _notify(attempt_id: int, code: str) -> None:
    """Tell the owner why, in plain words and without the answer itself, which may name somebody's address."""
    attempt = Attempt.objects.select_related("mailing__owner", "mailing__message").get(pk=attempt_id)
    owner = attempt.mailing.owner
    language = owner.language or settings.LANGUAGE_CODE
    known = KNOWN.texts.get((code, language[:2]))
    with translation.override(language):
        why = f"{known.sentence} {known.remedy}" if known else gettext("The report has the server's answer.")
    notices.run_held(
        owner, attempt_id=attempt_id, mailing=str(attempt.mailing), since=attempt.held_at, why=why
    )


def stop(attempt_id: int, why: Stop) -> None:
    """Act on the stop that a send loop's refusals call for."""
    code = why.refusal.explanation
    if why.seconds is None:
        hold(attempt_id, why.answer, code=code)
        return
    if why.refusal.refusal_class is RefusalClass.SERVER and not why.seconds:
        server_health.rest(why.answer)
    else:
        server_health.rest_for_quota(why.answer, seconds=why.seconds)
    _note_problem(attempt_id, why.answer, code=code)


def rest_server(attempt_id: int, answer: str) -> None:
    """Leave the mail server alone for a while, for all mailings."""
    server_health.rest(answer)
    _note_problem(attempt_id, answer, code=trouble(answer))


def rest_attempt(attempt_id: int, answer: str) -> None:
    """Leave one attempt alone for a while, because its mail made the server disconnect; others go on."""
    with transaction.atomic():
        now = clock.now()
        attempt = Attempt.objects.select_for_update().running().filter(pk=attempt_id).first()
        if attempt is None or (attempt.resumes_at and attempt.resumes_at > now):
            return  # it has ended, or another worker has noticed the same
        setbacks = attempt.setbacks + 1
        ceiling = min(LONGEST_SETBACK_SECONDS, FIRST_SETBACK_SECONDS * 2 ** min(setbacks - 1, 10))
        until = now + timedelta(seconds=random.uniform(ceiling / 2, ceiling))
        Attempt.objects.filter(pk=attempt_id).update(
            setbacks=setbacks, resumes_at=until, problem=answer, problem_code=""
        )
    log.warning("attempt %s rests until %s: %s", attempt_id, until.isoformat(timespec="seconds"), answer)


def release(attempt_id: int) -> bool:
    """Let a held attempt go on, including what was set aside; return whether it was held."""
    with transaction.atomic():
        held = Attempt.objects.running().filter(pk=attempt_id, held_at__isnull=False)
        released = held.update(held_at=None, problem_code="", setbacks=0, resumes_at=None)
        if released:
            set_aside(attempt_id).update(next_try_at=clock.now())
            stop_loss.forget(attempt_id)
    return bool(released)


def resumes_at(attempt_id: int) -> datetime | None:
    """When a resting attempt goes on, or None if it does not rest."""
    now = clock.now()
    own = (
        Attempt.objects.running()
        .filter(pk=attempt_id, resumes_at__gt=now)
        .values_list("resumes_at", flat=True)
    )
    times = [time for time in (own.first(), server_health.rests_until()) if time]
    return max(times, default=None)


def set_aside(attempt_id: int) -> QuerySet[Delivery]:
    """The deliveries set aside because the server refuses us or our content."""
    queued = Delivery.objects.filter(attempt_id=attempt_id, status=Delivery.Status.QUEUED)
    return queued.filter(refusal__in=SET_ASIDE)


def settle_set_aside(attempt_id: int) -> None:
    """When only refused mail is left, hold the attempt, or try the few among many that were sent once more.

    Few: fewer than MAIL_STOP_AFTER of each domain, while others were accepted. Who is refused again fails.
    """
    rows = list(set_aside(attempt_id).values_list("email", "response")[:MOST_LOOKED_AT])
    open_rows = Delivery.objects.filter(attempt_id=attempt_id, next_try_at__isnull=False).open()
    if not rows or open_rows.exclude(status=Delivery.Status.QUEUED, refusal__in=SET_ASIDE).exists():
        return
    domains = Counter(email.rpartition("@")[2].lower() for email, _ in rows)
    answer = Counter(response for _, response in rows if response).most_common(1)
    text = answer[0][0] if answer else ""
    if not Attempt.objects.filter(pk=attempt_id, sent__gt=0).exists():
        hold(attempt_id, text, code=explanation_of(text))
    elif (closed := domains.most_common(1)[0])[1] >= settings.MAIL_STOP_AFTER:
        hold(attempt_id, f"{closed[0]}: {text}", code=explanation_of(text))
    else:
        _try_once_more(attempt_id)
        _fail_set_aside(attempt_id)


def _try_once_more(attempt_id: int) -> None:
    """Queue those again whom a refusal about us has hit once: the server may have changed its mind."""
    refused_once = set_aside(attempt_id).filter(tries=0, refusal__in=[kind.value for kind in ABOUT_US])
    refused_once.update(
        tries=1, refusal="", next_try_at=clock.now() + timedelta(seconds=seconds_until_retry(1))
    )


def _fail_set_aside(attempt_id: int) -> None:
    """Others were accepted, and these were not when asked again: it was about their recipients after all."""
    with transaction.atomic():
        gone = set_aside(attempt_id).filter(refusal=RefusalClass.GONE.value)
        for owner_id, email in gone.values_list("attempt__mailing__owner", "email"):
            suppress(owner_id=owner_id, email=email, reason=Suppression.Reason.BOUNCED)
        number = set_aside(attempt_id).update(
            status=Delivery.Status.FAILED, next_try_at=None, finished_at=clock.now()
        )
        if number:
            count(attempt_id=attempt_id, statuses=Counter(failed=number), answers=Counter())
    closing.finish(attempt_id)


def _note_problem(attempt_id: int, answer: str, *, code: str = "") -> None:
    Attempt.objects.filter(pk=attempt_id).update(problem=answer, problem_code=code)


def trouble(answer: str) -> str:
    """The key of the explanation for why a server cannot be used, in its words or in ours."""
    code = answer[:3]
    return classify(int(code) if code.isdigit() else 0, answer, command="GREETING").explanation


def explanation_of(answer: str) -> str:
    """The key of the explanation for an answer that begins with its reply code."""
    code = answer[:3]
    return classify(int(code), answer, command="RCPT").explanation if code.isdigit() else ""
