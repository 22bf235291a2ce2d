"""What a recipient does by the signed link of their mail: leave, come back, ask why, take their data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from mailer.composing.unsubscribe_links import suppress
from mailer.models import Client, Delivery, Suppression
from mailer.reporting.receipt import subjects_again
from people.addresses import key_of, nearest
from people.models import User

LATEST = 5  # subjects named on the page
MOST_MAILS = 1000  # in the file of one's data
# What a recipient's own click has done, and a click can undo.
BY_RECIPIENT = (Suppression.Reason.UNSUBSCRIBED, Suppression.Reason.COMPLAINED)


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One sender and one address, as the recipient is told."""

    owner: User | None  # gone with their account
    email: str
    stop: Suppression | None
    client: Client | None

    @property
    def may_return(self) -> bool:
        return self.stop is not None and self.stop.reason in BY_RECIPIENT


def leave(*, owner_id: int, email: str, why: str = "") -> bool:
    """Stop mail from this sender; tell whether it is new. `why` is one of Suppression.Why or nothing.

    “I never asked for this” is a complaint: it counts as one even after a plain “unsubscribe”.
    """
    why = why if why in Suppression.Why.values else ""
    complaint = why == Suppression.Why.NEVER_ASKED
    reason = Suppression.Reason.COMPLAINED if complaint else Suppression.Reason.UNSUBSCRIBED
    new = suppress(owner_id=owner_id, email=email, reason=reason, why=why)
    if not new and why:
        stops = Suppression.objects.matching_address(_spelled(email), owner_id)
        said = {"why": why, "reason": reason} if complaint else {"why": why}
        stops.filter(reason__in=BY_RECIPIENT).exclude(why=Suppression.Why.NEVER_ASKED).update(**said)
    return new


def come_back(*, owner_id: int, email: str) -> bool:
    """Undo what the recipient's own click has done; tell whether there was something to undo.

    What the sender or the mail server put on the stop-list stays there.
    """
    stops = Suppression.objects.matching_address(_spelled(email), owner_id).filter(reason__in=BY_RECIPIENT)
    return bool(stops.delete()[0])


def relation(*, owner_id: int, email: str) -> Relation:
    """What there is between a sender and an address."""
    email = _spelled(email)
    return Relation(
        owner=User.objects.filter(pk=owner_id).first(),
        email=email,
        stop=Suppression.objects.matching_address(email, owner_id).first(),
        client=Client.objects.filter(owner=owner_id, address_key=key_of(email)).first(),
    )


def latest_mails(found: Relation) -> list[tuple[datetime | None, str]]:
    """When the latest mails were sent, and under which subjects."""
    if not found.owner or not found.client:
        return []
    sent = found.client.deliveries.filter(status=Delivery.Status.SENT).select_related("attempt")
    mails = list(sent.order_by("-attempt_id")[:LATEST])
    days = [mail.finished_at for mail in mails]
    return list(zip(days, subjects_again(mails, owner=found.owner), strict=True))


def data_of(found: Relation) -> dict[str, Any]:
    """Everything that a sender's rows hold of this address, for a file (GDPR article 15)."""
    client, stop = found.client, found.stop
    return {
        "sender": found.owner.get_full_name() if found.owner else None,
        "email": found.email,
        "full_name": client.full_name if client else None,
        "attributes": client.attributes if client else {},
        "groups": sorted(client.groups.values_list("name", flat=True)) if client else [],
        "since": _written(client.created_at) if client else None,
        "stop_list": {"reason": stop.reason, "since": _written(stop.created_at)} if stop else None,
        "mails": _mails(client, found.owner) if client and found.owner else [],
    }


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
    except ValidationError:  # kept from before spellings were refused
        return email


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
