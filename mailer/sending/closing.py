"""How an attempt ends: exactly once, with its counts taken from the ledger."""

from collections import Counter
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop

from mailer import notices, tasks
from mailer.guard.by_hand import ENOUGH
from mailer.models import Attempt, Delivery, Mailing
from mailer.sending import clock
from mailer.sending.ledger import close_open, tally
from mailer.sending.sql import run
from mailer.transport.answers import summary
from site_config.queue import after_commit, is_backed_up

Status = Delivery.Status

ENDED = gettext_noop("Not sent: the mailing ended first")
OVERTAKEN = gettext_noop("Not sent: the next run was due before the retry")
NOBODY = gettext_noop("Nobody to send to: the mailing has no recipients")
ALL_SUPPRESSED = gettext_noop("Nobody to send to: every recipient is on the stop-list")


def finish(attempt_id: int) -> bool:
    """Close an attempt whose deliveries are all decided; return whether this call closed it."""
    with transaction.atomic():
        if _is_open(attempt_id):  # and what is decided stays so
            return False
        mailings = Mailing.objects.select_related("owner", "message").filter(attempts=attempt_id)
        mailing = mailings.select_for_update(of=("self",)).first()
        if mailing is None:
            return False
        attempt = Attempt.objects.select_for_update().running().filter(pk=attempt_id).first()
        if attempt is None:
            return False
        counts = tally(attempt_id)
        answers = Counter(attempt.answers)
        nothing_sent = not counts[Status.SENT] + counts[Status.FAILED] + counts[Status.EXPIRED]
        if nothing_sent and ENOUGH not in answers:
            answers[ALL_SUPPRESSED if counts[Status.SKIPPED] else NOBODY] += 1
        attempt.sent, attempt.failed = counts[Status.SENT], counts[Status.FAILED]
        attempt.skipped, attempt.expired = counts[Status.SKIPPED], counts[Status.EXPIRED]
        attempt.status = Attempt.outcome(
            sent=counts[Status.SENT], unsent=counts[Status.FAILED] + counts[Status.EXPIRED]
        )
        attempt.finished_at = clock.now()
        attempt.answers = answers
        attempt.server_response = summary(answers)
        attempt.problem, attempt.problem_code, attempt.held_at = "", "", None
        attempt.save(update_fields=_CLOSED)
        run("end_leases", {"attempt": attempt_id})
        mailing.settle_status(now=clock.now(), running=False)
        _notify(mailing, attempt)
        if not is_backed_up():  # otherwise runs that wait to be sent come first, and it is counted later
            after_commit(lambda: tasks.count_domains(attempt_id))
    return True


def _notify(mailing: Mailing, attempt: Attempt) -> None:
    """Tell the owner of a run that failed, and of the last one of a mailing."""
    counts = {name: getattr(attempt, name) for name in ("total", "sent", "failed", "expired")}
    if attempt.status == Attempt.Status.FAILED:
        notices.run_failed(mailing.owner, attempt_id=attempt.pk, mailing=str(mailing), **counts)
    elif mailing.next_run_at is None:
        notices.mailing_finished(mailing.owner, attempt_id=attempt.pk, mailing=str(mailing), **counts)


_CLOSED = (
    "sent", "failed", "skipped", "expired", "status", "finished_at", "answers", "server_response", "problem",
    "problem_code", "held_at",
)  # fmt: skip


def _is_open(attempt_id: int) -> bool:
    """Whether any delivery is undecided. Undecided ones are last in the queue's index."""
    rows = Delivery.objects.filter(attempt_id=attempt_id, next_try_at__isnull=False).open()
    return rows.order_by("-next_try_at", "-pk").values_list("pk").first() is not None


def expire_ended(attempt_id: int, *, now: datetime) -> None:
    """Give up what a mailing that has ended did not send, and close its attempt."""
    if Attempt.objects.running().filter(pk=attempt_id, mailing__ends_at__lte=now).exists():
        close_open(attempt_id=attempt_id, status=Delivery.Status.EXPIRED, response=ENDED, now=now)
        finish(attempt_id)
