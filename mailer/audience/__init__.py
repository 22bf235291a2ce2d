"""Who a mailing goes to."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Exists, Q

from mailer.models import Client, ClientGroup, Mailing, Suppression
from mailer.models.client import ClientQuerySet
from people.models import User


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """How many addresses a choice of clients and groups reaches."""

    total: int
    suppressed: int

    @property
    def mailable(self) -> int:
        return self.total - self.suppressed


def recipients(mailing: Mailing) -> ClientQuerySet:
    """The clients of a mailing, each once, as its clients and groups stand now."""
    chosen = Mailing.clients.through.objects.filter(mailing_id=mailing.pk).values("client_id")
    groups = Mailing.groups.through.objects.filter(mailing_id=mailing.pk).values("clientgroup_id")
    members = ClientGroup.clients.through.objects.filter(clientgroup_id__in=groups).values("client_id")
    # One UNION and not two conditions: with OR, PostgreSQL compares client by client.
    return Client.objects.filter(pk__in=chosen.union(members), owner_id=mailing.owner_id)


def measure(*, owner: User, clients: Collection[int], groups: Collection[int]) -> Audience:
    """Count what a choice would reach, before it is saved; foreign ids count for nothing."""
    members = ClientGroup.clients.through.objects.filter(clientgroup_id__in=list(groups)).values("client_id")
    return _measured(Client.objects.owned_by(owner).filter(Q(pk__in=list(clients)) | Q(pk__in=members)))


def audience_of_mailing(mailing: Mailing) -> Audience:
    """Count what a mailing would reach if it ran now."""
    return _measured(recipients(mailing))


def _measured(chosen: ClientQuerySet) -> Audience:
    counts = chosen.annotate(is_stopped=Exists(Suppression.objects.against_client())).aggregate(
        total=Count("pk"), stopped=Count("pk", filter=Q(is_stopped=True))
    )
    return Audience(total=counts["total"], suppressed=counts["stopped"])


def sizes_of(mailing_ids: Collection[int]) -> dict[int, int]:
    """How many clients each of these mailings reaches as its choice stands now, in a few queries for all.

    Only where a client may have been chosen twice, the clients themselves are compared.
    """
    chosen = Mailing.clients.through.objects.filter(mailing_id__in=mailing_ids)
    sizes = Counter(dict(chosen.values_list("mailing_id").annotate(number=Count("pk"))))
    groups = Mailing.groups.through.objects.filter(mailing_id__in=mailing_ids)
    pairs = list(groups.values_list("mailing_id", "clientgroup_id"))
    sources = Counter(mailing for mailing, _group in pairs) + Counter(sizes.keys())
    alone = [(mailing, group) for mailing, group in pairs if sources[mailing] == 1]
    members = ClientGroup.clients.through.objects.filter(clientgroup_id__in={group for _, group in alone})
    in_group = dict(members.values_list("clientgroup_id").annotate(number=Count("pk")) if alone else ())
    sizes.update({mailing: in_group.get(group, 0) for mailing, group in alone})
    mixed = [mailing for mailing, number in sources.items() if number > 1]
    return dict(sizes) | (_distinct_sizes(mixed) if mixed else {})


def _distinct_sizes(mailing_ids: Collection[int]) -> dict[int, int]:
    chosen = Mailing.clients.through.objects.filter(mailing_id__in=mailing_ids)
    in_groups = Client.objects.filter(groups__mailings__in=mailing_ids).order_by()
    pairs = chosen.values_list("mailing_id", "client_id").union(
        in_groups.values_list("groups__mailings", "pk")
    )
    sql, params = pairs.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT mailing_id, COUNT(*) FROM ({sql}) AS pairs GROUP BY mailing_id", params)  # noqa: S608
        return dict(cursor.fetchall())
