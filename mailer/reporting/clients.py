"""What became of the mails to one client, and finding a client."""

from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery

from mailer.models import Client, Delivery
from people.models import User

MAILS_AT_ONCE = 25
MOST_FOUND = 20


@dataclass(frozen=True, kw_only=True)
class Mails:
    """Some of a client's mails, the latest first. `older`: the run before which the next ones are, if any."""

    deliveries: list[Delivery]
    older: int | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """A client, and the latest mail to them."""

    client: Client
    latest: Delivery | None


def mails_of(client: Client, *, before: int | None = None) -> Mails:
    """The mails to a client in runs before this one, by the index on each client's runs."""
    rows = Delivery.objects.filter(client=client).select_related("attempt__mailing__message")
    if before is not None:
        rows = rows.filter(attempt__lt=before)
    found = list(rows.order_by("-attempt_id")[: MAILS_AT_ONCE + 1])
    more = len(found) > MAILS_AT_ONCE
    return Mails(
        deliveries=found[:MAILS_AT_ONCE], older=found[MAILS_AT_ONCE - 1].attempt_id if more else None
    )


def find_clients(*, owner: User, text: str) -> list[Found]:
    """The first clients whose address or name contains a text, each with the latest mail to them."""
    latest = Delivery.objects.filter(client=OuterRef("pk")).order_by("-attempt_id").values("pk")[:1]
    rows: Any = (
        Client.objects.owned_by(owner).search(text).with_suppression().order_by("full_name", "email", "pk")
    )
    clients: list[Any] = list(rows.annotate(latest=Subquery(latest))[:MOST_FOUND])
    ids = [client.latest for client in clients if client.latest]
    mails = Delivery.objects.select_related("attempt").in_bulk(ids)
    return [Found(client=client, latest=mails.get(client.latest)) for client in clients]
