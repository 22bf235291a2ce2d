"""Who is let in, and how much they may send."""

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from people.account_emails import ADMITTED, address, send_account_email
from people.audit import record
from people.models import AuditEntry, User
from people.signals import allowance_changed, unblocked


class NotAllowed(Exception):
    """The acting user may not do that to the other user."""


def may_block(*, user: User, by: User) -> bool:
    """Nobody blocks a superuser or themselves."""
    return by.has_perm("people.block_user") and not user.is_superuser and user.pk != by.pk


def may_invite(user: User) -> bool:
    """Superusers create accounts for others; so do managers where there is no other way to get one."""
    return user.is_superuser or (settings.SIGNUP == "invite" and user.has_perm("people.block_user"))


def admit(*, user: User, by: User) -> bool:
    """Approve an account that waits for it and notify its owner. Returns whether this call did it."""
    if not by.has_perm("people.block_user"):
        raise NotAllowed
    with transaction.atomic():
        done = User.objects.filter(pk=user.pk, waiting=True).update(waiting=False)
        if done:
            record(actor=by, action=AuditEntry.Action.USER_ADMITTED, target=user)
            link = address("account_login")
            send_account_email(ADMITTED, to=user.email, language=user.language, link=link)
    return bool(done)


def block(*, user: User, by: User, reason: str) -> bool:
    """Log a user out everywhere and stop their mailings; return whether this call did it.

    Raises NotAllowed for a superuser, for oneself and without the permission. Workers check `is_active`
    before each window, so that sending stops within a second.
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
    """Unblock a user; their mailings continue on schedule. Returns whether this call did it."""
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


def set_allowance(*, user: User, mails: int | None, by: User) -> bool:
    """Set how many mails a user may send in 24 hours; None for no limit.

    Returns whether this call changed it. What waited for it goes on. Raises NotAllowed as `block` does.
    """
    if not may_block(user=user, by=by):
        raise NotAllowed
    with transaction.atomic():
        before = User.objects.select_for_update(no_key=True).get(pk=user.pk).mails_per_day
        if before == mails:
            return False
        User.objects.filter(pk=user.pk).update(mails_per_day=mails)
        detail = " → ".join("∞" if number is None else str(number) for number in (before, mails))
        record(actor=by, action=AuditEntry.Action.ALLOWANCE_SET, target=user, detail=detail)
        allowance_changed.send(sender=User, user=user)
    return True
