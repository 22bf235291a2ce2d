"""What a recipient can do by the signed link in their mail: leave, come back, ask why, get their data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from mailer.composing.unsubscribe_links import Link, suppress
from mailer.models import Client, ClientGroup, Delivery, Forgotten, Mailing, OptOut, Suppression
from mailer.models.client import SuppressionQuerySet
from mailer.reporting.receipt import subjects_again
from people.addresses import key_of, nearest
from people.models import User

OFTEN = timedelta(days=90)  # in which mails are counted
LATEST = 5  # subjects named on the page
MOST_MAILS = 1000  # in the file of one's data
PAUSE = timedelta(days=30)
# How much somebody leaves. Anything else means everything, as with a mail program's own button.
ALL, MAILING, FOR_A_WHILE = "all", "mailing", "pause"
Reason = Suppression.Reason


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One sender and one address, as the recipient is told."""

    owner: User | None  # None: deleted with their account
    email: str
    mailing: Mailing | None  # the mail's mailing, if it still exists
    stop: Suppression | None
    left: bool  # this mailing, at least
    client: Client | None

    @property
    def sender(self) -> str:
        return self.owner.get_short_name() if self.owner else ""

    @property
    def may_return(self) -> bool:
        return self.stop.reason in Suppression.BY_RECIPIENT if self.stop else self.left

    @property
    def stops_less(self) -> bool:
        """Whether something is stopped, and more could be."""
        return self.stop.until is not None if self.stop else self.left

    @property
    def heading(self) -> str:
        if self.stop and self.stop.until:
            return _("Mail is paused")
        return _("You left this mailing") if self.left and not self.stop else _("You are unsubscribed")


def leave(link: Link, *, what: str = ALL, why: str = "") -> bool:
    """Stop mail from this sender, or of one mailing, or for 30 days; return whether anything is new.

    `why` is one of Suppression.Why or empty. “I never asked for this” is a complaint, and stops everything,
    even if less was stopped before.
    """
    if is_forgotten(link):
        return False  # and no trace of them is made again
    why = why if why in Suppression.Why.values else ""
    if why == Suppression.Why.NEVER_ASKED:
        return _stop(link, Reason.COMPLAINED, why)
    if what == MAILING and (mailing := _mailing(link)):
        _row, new = OptOut.objects.get_or_create(
            mailing=mailing,
            address_key=key_of(_spelled(link.email)),
            defaults={"owner_id": link.owner_id, "email": _spelled(link.email)},
        )
        return new
    if what == FOR_A_WHILE:
        return _pause(link, why)
    return _stop(link, Reason.UNSUBSCRIBED, why)


def _stop(link: Link, reason: str, why: str) -> bool:
    new = suppress(owner_id=link.owner_id, email=link.email, reason=reason, why=why)
    if not new and why:
        complaint = reason == Reason.COMPLAINED
        given = {"why": why, "reason": reason} if complaint else {"why": why}
        _stops(link).filter(reason__in=Suppression.BY_RECIPIENT).exclude(
            why=Suppression.Why.NEVER_ASKED
        ).update(**given)
    return new


def _pause(link: Link, why: str) -> bool:
    """For 30 days from now, unless mail is stopped for good already."""
    until = timezone.now() + PAUSE
    new = suppress(owner_id=link.owner_id, email=link.email, reason=Reason.PAUSED, why=why, until=until)
    if not new:
        _stops(link).filter(reason=Reason.PAUSED).update(until=until)
    return new


def come_back(link: Link) -> bool:
    """Undo what the recipient's own click did; return whether there was something to undo.

    What the sender or the mail server put on the stop-list stays there.
    """
    undone = _stops(link).filter(reason__in=Suppression.BY_RECIPIENT).delete()[0]
    if link.mailing_id is not None:
        left = OptOut.objects.matching_address(_spelled(link.email), link.owner_id)
        undone += left.filter(mailing_id=link.mailing_id).delete()[0]
    return bool(undone)


def is_forgotten(link: Link) -> bool:
    return Forgotten.objects.matching_address(_spelled(link.email), link.owner_id).exists()


def end_pauses() -> int:
    """Take addresses off the stop-list whose 30 days are over; return how many."""
    return Suppression.objects.filter(until__lte=timezone.now()).delete()[0]


def relation(link: Link) -> Relation:
    """What connects a sender and an address."""
    email, mailing = _spelled(link.email), _mailing(link)
    return Relation(
        owner=User.objects.filter(pk=link.owner_id).first(),
        email=email,
        mailing=mailing,
        stop=_stops(link).first(),
        left=mailing is not None and mailing.opt_outs.filter(address_key=key_of(email)).exists(),
        client=Client.objects.filter(owner=link.owner_id, address_key=key_of(email)).first(),
    )


def _mailing(link: Link) -> Mailing | None:
    if link.mailing_id is None:
        return None
    return Mailing.objects.filter(pk=link.mailing_id, owner=link.owner_id).first()


def _stops(link: Link) -> SuppressionQuerySet:
    return Suppression.objects.matching_address(_spelled(link.email), link.owner_id)


def latest_mails(found: Relation) -> list[tuple[datetime | None, str]]:
    """When the latest mails were sent, and under which subjects."""
    if not found.owner or not found.client:
        return []
    sent = found.client.deliveries.filter(status=Delivery.Status.SENT).select_related("attempt")
    mails = list(sent.order_by("-attempt_id")[:LATEST])
    days = [mail.finished_at for mail in mails]
    return list(zip(days, subjects_again(mails, owner=found.owner), strict=True))


def mailing_as_read(found: Relation) -> str:
    """The mailing's latest subject as this recipient read it: its name is for its owner's eyes."""
    if not found.owner or not found.client or not found.mailing:
        return ""
    sent = found.client.deliveries.filter(status=Delivery.Status.SENT, attempt__mailing=found.mailing)
    mails = sent.select_related("attempt").order_by("-attempt_id")[:1]
    return next(iter(subjects_again(mails, owner=found.owner)), "")


def topics_of(found: Relation) -> list[tuple[ClientGroup, bool]]:
    """A sender's topics, and whether this client is in each."""
    if not found.owner or not found.client:
        return []
    joined = set(found.client.groups.topics().values_list("pk", flat=True))
    return [(one, one.pk in joined) for one in ClientGroup.objects.owned_by(found.owner).topics()]


def how_often(found: Relation) -> int:
    """How many mails were sent in the last 90 days."""
    if not found.client:
        return 0
    sent = found.client.deliveries.filter(status=Delivery.Status.SENT)
    return sent.filter(finished_at__gt=timezone.now() - OFTEN).count()


def data_of(found: Relation) -> dict[str, Any]:
    """Everything that a sender's rows hold about this address, for a file (GDPR article 15)."""
    client, stop = found.client, found.stop
    return {
        "sender": found.owner.get_full_name() if found.owner else None,
        "email": found.email,
        "full_name": client.full_name if client else None,
        "attributes": client.attributes if client else {},
        "groups": sorted(client.groups.values_list("name", flat=True)) if client else [],
        "since": _written(client.created_at) if client else None,
        "stop_list": {"reason": stop.reason, "since": _written(stop.created_at)} if stop else None,
        "left": _left(found),
        "consents": _consents(client) if client else [],
        "mails": _mails(client, found.owner) if client and found.owner else [],
    }


def _consents(client: Client) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.kind,
            "wording": one.wording,
            "version": one.wording_version,
            "source": one.source,
            "network": one.network,
            "given": _written(one.given_at),
            "confirmed": _written(one.confirmed_at),
        }
        for one in client.consents.all()
    ]


def _left(found: Relation) -> list[dict[str, Any]]:
    """The mailings and topics left."""
    rows = OptOut.objects.filter(owner=found.owner, address_key=key_of(found.email))
    return [
        {"name": str(row.mailing or row.group), "since": _written(row.created_at)}
        for row in rows.select_related("mailing", "group")
    ]


def _mails(client: Client, owner: User) -> list[dict[str, Any]]:
    mails = list(client.deliveries.select_related("attempt").order_by("-attempt_id")[:MOST_MAILS])
    return [
        {
            "subject": subject,
            "due": _written(mail.attempt.scheduled_for),
            "status": mail.status,
            "finished": _written(mail.finished_at),
            "email": mail.email,
            "full_name": mail.full_name,
            "answer": mail.response,
        }
        for mail, subject in zip(mails, subjects_again(mails, owner=owner), strict=True)
    ]


def _spelled(email: str) -> str:
    try:
        return str(nearest(email))
    except ValidationError:  # stored before odd spellings were refused
        return email


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
