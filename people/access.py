"""Who is let in: block, unblock."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from people.audit import record
from people.models import AuditEntry, User
from people.signals import unblocked


class NotAllowed(Exception):
    """This user may not do that to that user."""


def may_block(*, user: User, by: User) -> bool:
    """Nobody blocks a superuser or themselves."""
    return by.has_perm("people.block_user") and not user.is_superuser and user.pk != by.pk


def block(*, user: User, by: User, reason: str) -> bool:
    """Log a user out everywhere and stop their mailings; tell whether this call did it.

    NotAllowed for a superuser, for oneself and without the permission. Workers look at `is_active`
    before each window, so that what is being sent stops within a second.
    """
    if not may_block(user=user, by=by):
        raise NotAllowed
    with transaction.atomic():
        blocked = User.objects.filter(pk=user.pk, is_active=True, is_superuser=False).update(
            is_active=False,
            blocked_at=timezone.now(),
            blocked_by=by,
            blocked_reason=reason,
            session_generation=F("session_generation") + 1,
        )
        if blocked:
            record(actor=by, action=AuditEntry.Action.USER_BLOCKED, target=user, detail=reason)
    return bool(blocked)


def unblock(*, user: User, by: User) -> bool:
    """Let a user in again; their mailings go on by the clock. Tell whether this call did it."""
    if not may_block(user=user, by=by):
        raise NotAllowed
    with transaction.atomic():
        done = User.objects.filter(pk=user.pk, is_active=False).update(
            is_active=True, blocked_at=None, blocked_by=None, blocked_reason=""
        )
        if done:
            record(actor=by, action=AuditEntry.Action.USER_UNBLOCKED, target=user)
            unblocked.send(sender=User, user=user)
    return bool(done)
