"""What a manager does to others' mailings, and what happens to them when their owner's account changes."""

from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailer import mailings, notices, tasks
from mailer.audience.removal import delete_groups_of
from mailer.guard import allowance
from mailer.models import Archive, Attempt, Client, ClientGroup, ClientImport, Mailing, Message
from mailer.sending import leases
from people.audit import record
from people.models import AuditEntry, User
from site_config.queue import after_commit
from site_config.ui.counting import count

MUCH = _("It disappears from your pages at once. Deleting this much takes a few more minutes.")


def disable(*, mailing: Mailing, by: User, reason: str) -> bool:
    """Stop a mailing within a second, until a manager enables it; email its owner who did it and why.

    Returns whether this call did it: a second one, even at the same instant, changes nothing.
    """
    since = timezone.now()
    with transaction.atomic():
        done = Mailing.objects.filter(pk=mailing.pk, disabled_at=None).update(
            disabled_at=since, disabled_by=by, disabled_reason=reason
        )
        if done:
            record(actor=by, action=AuditEntry.Action.MAILING_DISABLED, target=mailing, detail=reason)
            notices.mailing_disabled(
                mailing.owner,
                mailing_id=mailing.pk,
                mailing=str(mailing),
                since=since,
                by=by.get_short_name(),
                reason=reason,
            )
    return bool(done)


def enable(*, mailing: Mailing, by: User) -> bool:
    """Let a mailing go on: what had begun, then what was missed, combined into one run."""
    with transaction.atomic():
        done = Mailing.objects.filter(pk=mailing.pk, disabled_at__isnull=False).update(
            disabled_at=None, disabled_by=None, disabled_reason=""
        )
        if done:
            record(actor=by, action=AuditEntry.Action.MAILING_ENABLED, target=mailing)
            mailings.go_on(mailing)
    return bool(done)


def release(*, mailing: Mailing, by: User, reason: str) -> bool:
    """Let a run that the service holds go on, as its owner could; email the owner who did it and why.

    Returns whether this call did it: a second one, or one after the owner's, changes nothing.
    """
    with transaction.atomic():
        attempt = mailing.attempts.running().filter(held_at__isnull=False).first()
        if attempt is None or not mailings.try_again(attempt):
            return False
        record(actor=by, action=AuditEntry.Action.MAILING_RELEASED, target=mailing, detail=reason)
        notices.run_released(
            mailing.owner,
            attempt_id=attempt.pk,
            mailing=str(mailing),
            since=attempt.held_at,
            by=by.get_short_name(),
            reason=reason,
        )
    return True


def allowance_changed(user: User, **_kwargs: Any) -> None:
    """Queue what waits for the allowance; if there is still no room, it waits again."""
    for attempt_id in allowance.go_on(user.pk):
        leases.enqueue(attempt_id)


def owner_unblocked(**_kwargs: Any) -> None:
    """Open at once what is due of a user who was unblocked."""
    after_commit(tasks.catch_up)


def owner_leaves(user: User, **_kwargs: Any) -> None:
    """Delete a user's mailings; a message that one of them sends could not be deleted before.

    A few clients go at once; a great many are out of sight with their owner, and removed in the background.
    """
    for mailing in Mailing.objects.owned_by(user):
        mailings.delete(mailing)
    files = [upload.path for upload in ClientImport.objects.owned_by(user)]
    files += [upload.refused_path for upload in ClientImport.objects.owned_by(user)]
    files += [archive.path for archive in Archive.objects.owned_by(user)]
    transaction.on_commit(lambda: _unlink(files))
    delete_groups_of(owner=user)
    clients = Client.objects.owned_by(user)
    if count(clients).more:
        after_commit(tasks.remove_leftovers)
    else:
        clients.delete()


def _unlink(files: list[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)


def belongings(user: User, **_kwargs: Any) -> list[str]:
    """What this app deletes with an account, a sentence each."""
    clients = count(Client.objects.owned_by(user))
    groups = ClientGroup.objects.owned_by(user).count()
    messages = Message.objects.owned_by(user).count()
    mailings = Mailing.objects.owned_by(user).count()
    attempts = Attempt.objects.owned_by(user).count()
    counted = [
        (clients, ngettext("%(count)s client", "%(count)s clients", clients)),
        (groups, ngettext("%(count)s group", "%(count)s groups", groups)),
        (messages, ngettext("%(count)s message", "%(count)s messages", messages)),
        (mailings, ngettext("%(count)s mailing", "%(count)s mailings", mailings)),
        (attempts, ngettext("the report of %(count)s run", "the reports of %(count)s runs", attempts)),
    ]
    lines = [text % {"count": getattr(number, "shown", number)} for number, text in counted if number]
    return [*lines, str(MUCH)] if clients.more else lines
