"""Who a mailing goes to."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q

from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, OptOut, Suppression
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
    rows = Client.objects.filter(pk__in=chosen.union(members), owner_id=mailing.owner_id)
    excluded = list(mailing.excluded.values_list("pk", flat=True))
    return _but(rows, excluded=excluded, once=mailing.pk if mailing.each_once else None)


def _but(rows: ClientQuerySet, *, excluded: Collection[int], once: int | None) -> ClientQuerySet:
    """Those who are in none of these groups, and to whom nothing was sent yet by this mailing."""
    if excluded:
        rows = rows.filter(~Exists(MEMBERS.filter(client_id=OuterRef("pk"), clientgroup_id__in=excluded)))
    if once:
        runs = Attempt.objects.filter(mailing=once).order_by().values("pk")
        got = Delivery.objects.filter(client=OuterRef("pk"), attempt__in=runs, status=Delivery.Status.SENT)
        rows = rows.filter(~Exists(got))
    return rows


def measure(
    *,
    owner: User,
    clients: Collection[int],
    groups: Collection[int],
    excluded: Collection[int] = (),
    once: int | None = None,
    mailing: int | None = None,
) -> Audience:
    """Count what a choice would reach, before it is saved; foreign ids count for nothing.

    `excluded`: groups whose clients are left out; `once`: the mailing that nobody gets twice;
    `mailing`: who left this one is not mailed.
    """
    own = ClientGroup.objects.owned_by(owner).filter(pk__in=list(groups))
    sizes = _sizes(own)
    if any(size.more for size in sizes.values()):
        return Audience(total=UpTo.of(LIMIT + 1))
    # No group is large here, so that these are few enough to be looked at one by one.
    chosen = Client.objects.owned_by(owner).filter(pk__in=list(clients)).order_by().values("pk")
    members = MEMBERS.filter(clientgroup_id__in=list(sizes)).values("client_id")
    reached = Client.objects.owned_by(owner).filter(pk__in=chosen.union(members))
    left_out = ClientGroup.objects.owned_by(owner).filter(pk__in=list(excluded)).values_list("pk", flat=True)
    reached = _but(reached, excluded=list(left_out) if excluded else (), once=once)
    against: Any = Exists(Suppression.objects.against_client())
    if mailing:
        against |= Exists(OptOut.objects.from_mailing(mailing))
    counts = reached.annotate(is_stopped=against).aggregate(
        total=Count("pk"), stopped=Count("pk", filter=Q(is_stopped=True))
    )
    return Audience(total=UpTo.of(counts["total"]), suppressed=counts["stopped"])


def first_of(
    *, owner: User, clients: Collection[int], groups: Collection[int], excluded: Collection[int], most: int
) -> ClientQuerySet:
    """Some of those whom a choice reaches: all, unless they are more than `most`."""
    own = ClientGroup.objects.owned_by(owner)
    members = MEMBERS.filter(clientgroup_id__in=own.filter(pk__in=list(groups)).values("pk"))
    found = {*clients, *members.values_list("client_id", flat=True)[:most]}
    left_out = own.filter(pk__in=list(excluded)).values_list("pk", flat=True)
    return _but(Client.objects.owned_by(owner).filter(pk__in=found), excluded=list(left_out), once=None)


def audience_of_mailing(mailing: Mailing) -> Audience:
    """Count what a mailing would reach if it ran now."""
    chosen = CHOSEN.filter(mailing_id=mailing.pk).values_list("client_id", flat=True)
    groups = Mailing.groups.through.objects.filter(mailing_id=mailing.pk)
    return measure(
        owner=mailing.owner,
        clients=chosen[: LIMIT + 1],
        groups=list(groups.values_list("clientgroup_id", flat=True)),
        excluded=list(mailing.excluded.values_list("pk", flat=True)),
        once=mailing.pk if mailing.each_once else None,
        mailing=mailing.pk,
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
    excluding = set(
        Mailing.excluded.through.objects.filter(mailing_id__in=mailing_ids).values_list(
            "mailing_id", flat=True
        )
    )
    mixed = [
        mailing
        for mailing, sizes in parts.items()
        if (len(sizes) > 1 or mailing in excluding) and not any(n.more for n in sizes)
    ]
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
        cursor.execute(
            f"""
            SELECT mailing_id, COUNT(*) FROM ({sql}) AS pairs
            WHERE NOT EXISTS (
                SELECT 1 FROM mailer_mailing_excluded e
                JOIN mailer_clientgroup_clients m ON m.clientgroup_id = e.clientgroup_id
                WHERE e.mailing_id = pairs.mailing_id AND m.client_id = pairs.client_id
            )
            GROUP BY mailing_id
            """,  # noqa: S608  (made of Django's own)
            params,
        )
        found = dict(cursor.fetchall())
        return {mailing: UpTo.of(found.get(mailing, 0)) for mailing in mailing_ids}


def _sizes(groups: ClientGroupQuerySet) -> dict[int, UpTo]:
    sized: Any = groups.with_size()
    return dict(sized.order_by().values_list("pk", "size"))
