"""Addresses that one owner must not mail."""

from django.db import IntegrityError, transaction

from mailer.models import Forgotten, OptOut, Suppression
from people.audit import record
from people.models import AuditEntry, User


def add_stop(*, owner: User, email: str, reason: str = Suppression.Reason.ADDED) -> bool:
    """Put an address on the stop-list, for good even if it was paused; False if it was already there."""
    there = Suppression.objects.matching_address(email, owner.pk)
    if there.exists():
        return bool(there.filter(reason=Suppression.Reason.PAUSED).update(reason=reason, until=None))
    if Forgotten.objects.matching_address(email, owner.pk).exists():
        return False
    try:
        with transaction.atomic():
            Suppression.objects.create(owner=owner, email=email, reason=reason)
    except IntegrityError:  # somebody was faster
        return False
    return True


def lift_stop(*, stop: Suppression, by: User) -> bool:
    """Take an address off the stop-list, with an audit entry; False if it was already off."""
    with transaction.atomic():
        deleted, _kinds = Suppression.objects.filter(pk=stop.pk).delete()
        if deleted:
            why = f"{stop.reason}, {stop.created_at:%Y-%m-%d}"
            record(actor=by, action=AuditEntry.Action.STOP_LIFTED, target=stop, detail=why)
    return bool(deleted)


def lift_opt_out(*, left: OptOut, by: User) -> bool:
    """Let somebody who left a mailing or topic get it again, with an audit entry; False if they do."""
    with transaction.atomic():
        deleted, _kinds = OptOut.objects.filter(pk=left.pk).delete()
        if deleted:
            why = f"left, {left.created_at:%Y-%m-%d}"
            record(actor=by, action=AuditEntry.Action.STOP_LIFTED, target=left, detail=why)
    return bool(deleted)
