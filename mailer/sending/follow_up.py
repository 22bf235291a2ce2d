"""A run sent again to those it did not reach: a run of its own, linked to the first in both directions."""

from django.db import transaction
from django.utils.translation import gettext as _

from mailer.models import Attempt, Client, Delivery, Mailing
from mailer.models.client import ClientQuerySet
from mailer.sending import clock, opening
from mailer.sending.opening import CannotRun

NOT_REACHED = (Delivery.Status.FAILED, Delivery.Status.EXPIRED)


def not_reached(attempt: Attempt, *, most: int | None = None) -> ClientQuerySet:
    """The clients whom a run did not reach, with their current addresses: a typo may have been corrected.

    Skipped recipients are left out: they are on the stop-list. `most`: some of them are enough.
    """
    missed = attempt.deliveries.filter(status__in=NOT_REACHED, next_try_at=None).order_by()
    ids = missed.filter(client__isnull=False).values("client")[:most]
    return Client.objects.filter(pk__in=ids, owner_id=attempt.mailing.owner_id)


def why_not(attempt: Attempt) -> str:
    """Why a run cannot be sent again, or an empty string."""
    if attempt.finished_at is None:
        return _("This run is not over yet.")
    if Attempt.objects.filter(follows=attempt).exists():
        return _("It has already been sent again: see the run that followed.")
    if attempt.pruned_at:
        return _("This run is too old: the record of who was not reached has been deleted.")
    if not attempt.failed + attempt.expired:
        return _("Everybody was reached.")
    return opening.why_not(attempt.mailing)


def send_again(attempt_id: int) -> Attempt:
    """Open a run for exactly those whom a run did not reach, with the same content.

    A run has at most one follow-up, which can have its own, so that nobody who was reached is mailed twice.
    Raises CannotRun with the reason.
    """
    now = clock.now()
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(of=("self",)).filter(attempts=attempt_id).first()
        first = Attempt.objects.select_related("mailing__owner").filter(pk=attempt_id).first()
        if mailing is None or first is None:
            raise CannotRun(_("This mailing is gone."))
        if reason := why_not(first):
            raise CannotRun(reason)
        if not opening.close_waiting_run(mailing):
            raise CannotRun(_("This mailing is being sent right now."))
        attempt = Attempt.objects.create(
            mailing=mailing,
            follows=first,
            scheduled_for=now,
            started_at=now,
            subject=first.subject,
            format=first.format,
            by_hand=True,
            body=first.body,
            attachments=first.attachments,
            from_address=first.from_address,
            reply_to=first.reply_to,
        )
        opening.begin(attempt, clients=not_reached(first), now=now, urgent=True)
    return attempt
