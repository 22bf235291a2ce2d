"""How an attempt begins: one transaction makes it, its whole ledger, and the mailing's next due time."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mailer.audience import recipients
from mailer.audience.rules import BrokenRule
from mailer.composing.attachments import snapshot_of
from mailer.guard.by_hand import ENOUGH, skip_often_mailed
from mailer.models import Attempt, Delivery, Mailing
from mailer.models.client import ClientQuerySet
from mailer.schedule import Due
from mailer.sending import clock, closing, leases
from mailer.sending.ledger import close_open, refresh_statistics, write_deliveries

DOWN = gettext_noop("Not sent: the mailing ended before the service could run it")


class CannotRun(Exception):
    """A mailing cannot run now; str(error) tells its owner why."""


def open_mailing(mailing_id: int, *, now: datetime | None = None) -> Attempt | None:
    """Open the run that is due, including all missed ones; None if there is nothing to do.

    Safe to call twice and from several places at once: the mailing is locked, its `next_run_at` moves on in
    the same transaction, and (mailing, scheduled_for) is unique.
    """
    now = now or clock.now()
    with transaction.atomic():
        mailing = _locked(Mailing.objects.due(now).filter(pk=mailing_id), skip_locked=True)
        if mailing is None or mailing.next_run_at is None or not close_waiting_run(mailing):
            return None
        due = mailing.schedule.due(next_run_at=mailing.next_run_at, now=now)
        mailing.next_run_at, mailing.status = due.next_run_at, Mailing.Status.RUNNING
        Mailing.objects.filter(pk=mailing.pk).update(
            next_run_at=mailing.next_run_at,
            status=mailing.status,
            opening_problem="",
            opening_failures=0,
            opening_retry_at=None,
        )
        if mailing.attempts.filter(scheduled_for=due.scheduled_for).exists():
            mailing.settle_status(now=now)
            return None
        return _open(mailing, due, now)


def run_now(*, mailing: Mailing, after: int | None, by_hand: bool = False) -> Attempt:
    """Run a mailing at once, outside its schedule; raises CannotRun with the reason.

    `after` is the id of the latest attempt its owner saw (None: there was none), so that a click sent twice
    runs it once. `by_hand`: the owner asked for it, and may not do so over and over.
    """
    now = clock.now()
    with transaction.atomic():
        locked = _locked(Mailing.objects.filter(pk=mailing.pk))
        if locked is None:
            raise CannotRun(_("This mailing is gone."))
        if reason := why_not(locked):
            raise CannotRun(reason)
        if not close_waiting_run(locked):
            raise CannotRun(_("This mailing is being sent right now."))
        if latest_id(locked) != after:
            raise CannotRun(_("This mailing has run already; nothing was sent twice."))
        due = Due(scheduled_for=now, missed=0, next_run_at=locked.next_run_at)
        try:
            return _open(locked, due, now, urgent=True, by_hand=by_hand)
        except BrokenRule as error:
            raise CannotRun(str(error)) from error


def why_not(mailing: Mailing) -> str:
    """Why its owner cannot run a mailing now, or an empty string."""
    if mailing.disabled_at or not mailing.owner.is_active:
        return _("This mailing was disabled by a manager.")
    if mailing.paused_at:
        return _("This mailing is paused. Resume it first.")
    if mailing.has_ended(clock.now()):
        return _("This mailing has ended. Give it a later end first.")
    return ""


def latest_id(mailing: Mailing) -> int | None:
    return mailing.attempts.order_by("-pk").values_list("pk", flat=True).first()


def _locked(mailings: QuerySet[Mailing], *, skip_locked: bool = False) -> Mailing | None:
    """The mailing, locked for this transaction; with `skip_locked`, None if another session has it."""
    skips = skip_locked and connection.features.has_select_for_update_skip_locked
    rows = mailings.select_related("message", "owner")
    return rows.select_for_update(of=("self",), skip_locked=skips).first()


def close_waiting_run(mailing: Mailing) -> bool:
    """Close a running attempt that only waits for retries, so that the next run can begin.

    A mailing never runs beside itself; return whether the way is free.
    """
    previous = mailing.attempts.running().values_list("pk", flat=True).first()
    if previous is None:
        return True
    close_open(
        attempt_id=previous,
        status=Delivery.Status.EXPIRED,
        response=closing.OVERTAKEN,
        only_retries=True,
    )
    return closing.finish(previous)


def _open(
    mailing: Mailing, due: Due, now: datetime, *, urgent: bool = False, by_hand: bool = False
) -> Attempt:
    attempt = Attempt.objects.create(
        mailing=mailing,
        scheduled_for=due.scheduled_for,
        started_at=now,
        missed=due.missed,
        subject=mailing.message.subject,
        format=mailing.message.format,
        body=mailing.message.body,
        attachments=snapshot_of(mailing.message),
        from_address=mailing.from_address,
        reply_to=mailing.reply_address,
        by_hand=by_hand,
    )
    with translation.override(mailing.owner.language or settings.LANGUAGE_CODE):
        clients = recipients(mailing)  # or why there are none, which its owner reads
    return begin(attempt, clients=clients, now=now, urgent=urgent)


def begin(attempt: Attempt, *, clients: ClientQuerySet, now: datetime, urgent: bool = False) -> Attempt:
    """Write the ledger of a new attempt and have it sent; its mailing is locked.

    `urgent`: somebody is waiting for it in front of a screen.
    """
    mailing = attempt.mailing
    counts = write_deliveries(attempt, clients, now=now)
    if attempt.by_hand and (often := skip_often_mailed(attempt, now=now)):
        counts[Delivery.Status.QUEUED] -= often
        counts[Delivery.Status.SKIPPED] += often
        attempt.answers = {ENOUGH: often}
    attempt.total, attempt.skipped = counts.total(), counts[Delivery.Status.SKIPPED]
    attempt.save(update_fields=["total", "skipped", "answers"])
    if mailing.status != Mailing.Status.RUNNING:
        Mailing.objects.filter(pk=mailing.pk).update(status=Mailing.Status.RUNNING)
    if mailing.has_ended(now):
        close_open(attempt_id=attempt.pk, status=Delivery.Status.EXPIRED, response=DOWN, now=now)
    if mailing.has_ended(now) or not counts[Delivery.Status.QUEUED]:
        closing.finish(attempt.pk)
    else:
        leases.begin(attempt.pk, urgent=urgent)
        transaction.on_commit(partial(refresh_statistics, attempt.total))
    return attempt
