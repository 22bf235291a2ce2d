"""What an owner does to a mailing: save, pause, resume, try again, delete."""

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from mailer import tasks
from mailer.composing import drafts
from mailer.composing.compiling import sample_subject
from mailer.composing.drafts import Kept, Written
from mailer.guard.by_hand import one_at_a_time
from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, Message, OptOut
from mailer.sending import follow_up, holding, leases
from mailer.sending.opening import run_now
from people.audit import record
from people.models import AuditEntry, User
from site_config.queue import after_commit
from site_config.ui.counting import LIMIT

Action = AuditEntry.Action
NAME_LENGTH = 200
# What saving may change of a mailing; never its switches, which others may use meanwhile.
SCHEDULED = (
    "owner",
    "name",
    "message",
    "period",
    "starts_at",
    "ends_at",
    "time_zone",
    "each_once",
    "from_domain",
    "from_local",
    "reply_to",
    "next_run_at",
)


def save_mailing(
    mailing: Mailing,
    *,
    clients: Collection[Client],
    groups: Collection[ClientGroup],
    excluded: Collection[ClientGroup] | None = None,
    by: User | None = None,
    copy_of: Mailing | None = None,
) -> Mailing:
    """Save a mailing with its recipients and plan its next run; one that is due opens at once.

    `by`: who does it, if not the owner. Without a name, its message's subject names it. `copy_of`: who has
    left this one is not mailed by its copy either.

    An edited schedule is planned anew: an occurrence that has its attempt does not run again. Raises
    IntegrityError if a mailing was already created from the same form.
    """
    with transaction.atomic():
        action = Action.MAILING_EDITED if mailing.pk else Action.MAILING_CREATED
        if mailing.pk:
            Mailing.objects.select_for_update().filter(pk=mailing.pk).first()
        mailing.next_run_at = None
        mailing.name = mailing.name or name_by(mailing.message)
        mailing.save(update_fields=SCHEDULED if mailing.pk else None)
        mailing.clients.set(clients)
        mailing.groups.set(groups)
        if excluded is not None:
            mailing.excluded.set(excluded)
        if copy_of:
            _copy_opt_outs(copy_of, mailing)
        _plan(mailing)
        record(actor=by or mailing.owner, action=action, target=mailing)
    return mailing


def _copy_opt_outs(source: Mailing, mailing: Mailing) -> None:
    rows = source.opt_outs.values_list("owner_id", "email")
    copies = [OptOut(owner_id=owner, email=email, mailing=mailing) for owner, email in rows]
    OptOut.objects.bulk_create(copies, ignore_conflicts=True, batch_size=1000)


def name_by(message: Message) -> str:
    """The name of a mailing that was given none: its subject as a sample recipient reads it."""
    return sample_subject(subject=message.subject, owner=message.owner)[:NAME_LENGTH]


def save_message(message: Message) -> Message:
    """Save a message; mailings named by its subject are renamed."""
    with transaction.atomic():
        before = Message.objects.select_for_update(of=("self",)).filter(pk=message.pk).first()
        message.save()
        if before and (old := name_by(before)) != (new := name_by(message)):
            message.mailings.filter(name=old).update(name=new)
    return message


def publish_message(*, message: Message, written: Written, body: str, seen: int | None) -> Kept:
    """Save what was written; raises ChangedMeanwhile as keep_draft does. Mailings named by its subject
    follow.
    """
    with transaction.atomic():
        before = Message.objects.get(pk=message.pk)
        kept = drafts.publish(message=message, written=written, body=body, seen=seen)
        after = Message.objects.get(pk=message.pk)
        if before.body and (old := name_by(before)) != (new := name_by(after)):
            message.mailings.filter(name=old).update(name=new)
    return kept


def _plan(mailing: Mailing) -> None:
    now = timezone.now()
    schedule = mailing.schedule
    latest = None if mailing.has_ended(now) else schedule.latest(now)
    if latest and not mailing.attempts.filter(scheduled_for__gte=latest).exists():
        mailing.next_run_at = latest
    else:
        mailing.next_run_at = schedule.next_after(now)
    Mailing.objects.filter(pk=mailing.pk).update(next_run_at=mailing.next_run_at)
    mailing.settle_status(now=now)
    _wake(mailing)


def _wake(mailing: Mailing) -> None:
    """Have a due mailing opened at once, ahead of scheduled ones."""
    if mailing.next_run_at and mailing.next_run_at <= timezone.now():
        after_commit(lambda: tasks.open_mailing(mailing.pk))


def pause(mailing: Mailing) -> bool:
    """Stop sending within a second; return whether this call did it."""
    with transaction.atomic():
        paused = Mailing.objects.filter(pk=mailing.pk, paused_at=None).update(paused_at=timezone.now())
        if paused:
            record(actor=mailing.owner, action=Action.MAILING_PAUSED, target=mailing)
    return bool(paused)


def resume(mailing: Mailing) -> bool:
    """Go on with what had begun, then with the missed runs, combined into one."""
    with transaction.atomic():
        resumed = Mailing.objects.filter(pk=mailing.pk, paused_at__isnull=False).update(paused_at=None)
        if resumed:
            record(actor=mailing.owner, action=Action.MAILING_RESUMED, target=mailing)
        go_on(mailing)
    return bool(resumed)


def go_on(mailing: Mailing) -> None:
    """Have the workers look at a mailing that may run again."""
    for attempt in mailing.attempts.running():
        leases.enqueue(attempt.pk)
    _wake(mailing)


def run(mailing: Mailing, *, after: int | None) -> Attempt:
    """Run a mailing at once at its owner's request; see opening.run_now."""
    with transaction.atomic():
        one_at_a_time(mailing.owner)
        attempt = run_now(mailing=mailing, after=after, by_hand=True)
        record(actor=mailing.owner, action=Action.MAILING_RUN, target=mailing)
    return attempt


def send_again(attempt: Attempt) -> Attempt:
    """Send a run again to those it did not reach; see follow_up.send_again."""
    with transaction.atomic():
        one_at_a_time(attempt.mailing.owner)
        again = follow_up.send_again(attempt.pk)
        record(actor=attempt.mailing.owner, action=Action.MAILING_RUN, target=attempt.mailing, detail="again")
    return again


def try_again(attempt: Attempt) -> bool:
    """Release a held attempt; return whether it was held. What was refused is sent first."""
    with transaction.atomic():
        released = holding.release(attempt.pk)
        if released:
            leases.enqueue(attempt.pk)
    return released


def delete(mailing: Mailing, *, by: User | None = None) -> None:
    """Delete a mailing with its attempts and their ledger; a worker that is sending stops.

    A large ledger is out of sight at once, and is removed in the background.
    """
    with transaction.atomic():
        Mailing.objects.select_for_update().filter(pk=mailing.pk).first()
        record(actor=by or mailing.owner, action=Action.MAILING_DELETED, target=mailing)
        if mails_of(mailing) <= LIMIT:
            attempts = list(mailing.attempts.values_list("pk", flat=True))
            Delivery.objects.filter(attempt__in=attempts).delete()
        else:
            after_commit(tasks.remove_leftovers)
        mailing.delete()


def mails_of(mailing: Mailing) -> int:
    """How many deliveries of a mailing are kept, from its attempts' counts."""
    return sum(mailing.attempts.filter(pruned_at=None).values_list("total", flat=True))
