"""Who a mailing goes to."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, Q

from mailer.models import Client, ClientGroup, Mailing, Suppression
from mailer.models.client import ClientGroupQuerySet, ClientQuerySet
from people.models import User
from site_config.ui.counting import LIMIT, UpTo

MEMBERS = ClientGroup.clients.through.objects
CHOSEN = Mailing.clients.through.objects


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """How many addresses a choice reaches; of very many, those on the stop-list are not counted."""

    total: UpTo
    suppressed: int = 0

    @property
    def mailable(self) -> UpTo:
        return self.total if self.total.more else UpTo.of(self.total - self.suppressed)


def recipients(mailing: Mailing) -> ClientQuerySet:
    """The clients of a mailing, each once, as its clients and groups stand now."""
    chosen = CHOSEN.filter(mailing_id=mailing.pk).values("client_id")
    groups = Mailing.groups.through.objects.filter(mailing_id=mailing.pk).values("clientgroup_id")
    members = MEMBERS.filter(clientgroup_id__in=groups).values("client_id")
    # One UNION and not two conditions: with OR, PostgreSQL compares client by client.
    return Client.objects.filter(pk__in=chosen.union(members), owner_id=mailing.owner_id)


def measure(*, owner: User, clients: Collection[int], groups: Collection[int]) -> Audience:
    """Count what a choice would reach, before it is saved; foreign ids count for nothing."""
    own = ClientGroup.objects.owned_by(owner).filter(pk__in=list(groups))
    sizes = _sizes(own)
    if any(size.more for size in sizes.values()):
        return Audience(total=UpTo.of(LIMIT + 1))
    # No group is large here, so that these are few enough to be looked at one by one.
    chosen = Client.objects.owned_by(owner).filter(pk__in=list(clients)).order_by().values("pk")
    members = MEMBERS.filter(clientgroup_id__in=list(sizes)).values("client_id")
    reached = Client.objects.owned_by(owner).filter(pk__in=chosen.union(members))
    counts = reached.annotate(is_stopped=Exists(Suppression.objects.against_client())).aggregate(
        total=Count("pk"), stopped=Count("pk", filter=Q(is_stopped=True))
    )
    return Audience(total=UpTo.of(counts["total"]), suppressed=counts["stopped"])


def audience_of_mailing(mailing: Mailing) -> Audience:
    """Count what a mailing would reach if it ran now."""
    chosen = CHOSEN.filter(mailing_id=mailing.pk).values_list("client_id", flat=True)
    groups = Mailing.groups.through.objects.filter(mailing_id=mailing.pk)
    return measure(
        owner=mailing.owner,
        clients=chosen[: LIMIT + 1],
        groups=list(groups.values_list("clientgroup_id", flat=True)),
    )


def sizes_of(mailing_ids: Collection[int]) -> dict[int, UpTo]:
    """How many clients each of these mailings reaches as its choice stands now, in a few queries for all.

    Only where a client may have been chosen twice, the clients themselves are compared.
    """
    of_group = _sizes(ClientGroup.objects.filter(mailings__in=mailing_ids).distinct())
    links = Mailing.groups.through.objects.filter(mailing_id__in=mailing_ids)
    parts = defaultdict(list)
    for mailing, group in links.values_list("mailing_id", "clientgroup_id"):
        parts[mailing].append(of_group.get(group, UpTo.of(0)))
    chosen = CHOSEN.filter(mailing_id__in=mailing_ids).values_list("mailing_id")
    for mailing, number in chosen.annotate(number=Count("pk")):
        parts[mailing].append(UpTo.of(number))
    mixed = [mailing for mailing, sizes in parts.items() if len(sizes) > 1 and not any(n.more for n in sizes)]
    largest = {mailing: max(sizes, key=lambda size: (size, size.more)) for mailing, sizes in parts.items()}
    return largest | (_distinct_sizes(mixed) if mixed else {})


def _distinct_sizes(mailing_ids: Collection[int]) -> dict[int, UpTo]:
    chosen = CHOSEN.filter(mailing_id__in=mailing_ids)
    in_groups = Client.objects.filter(groups__mailings__in=mailing_ids).order_by()
    pairs = chosen.values_list("mailing_id", "client_id").union(
        in_groups.values_list("groups__mailings", "pk")
    )
    sql, params = pairs.query.sql_with_params()
    with connection.cursor() as cursor:
        counted = f"SELECT mailing_id, COUNT(*) FROM ({sql}) AS pairs GROUP BY mailing_id"  # noqa: S608  (Django's)
        cursor.execute(counted, params)
        return {mailing: UpTo.of(number) for mailing, number in cursor.fetchall()}


def _sizes(groups: ClientGroupQuerySet) -> dict[int, UpTo]:
    sized: Any = groups.with_size()
    return dict(sized.order_by().values_list("pk", "size"))
