"""Who a mailing goes to."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, OuterRef, Q

from mailer.audience.rules import BrokenRule, Known, clients_of
from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, OptOut, Suppression
from mailer.models.client import ClientGroupQuerySet, ClientQuerySet
from people.models import User
from site_config.ui.counting import LIMIT, UpTo, count

MEMBERS = ClientGroup.clients.through.objects
CHOSEN = Mailing.clients.through.objects


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """How many addresses a choice reaches; of a great many, those on the stop-list are not counted."""

    total: UpTo
    suppressed: int = 0
    problem: str = ""  # why it cannot be counted: a group's rule names something that no longer exists

    @property
    def mailable(self) -> UpTo:
        return self.total if self.total.more else UpTo.of(self.total - self.suppressed)


def recipients(mailing: Mailing) -> ClientQuerySet:
    """The clients of a mailing, each once, as its clients, groups and their rules are now.

    Raises BrokenRule if a group's rule cannot be looked up.
    """
    known = Known(mailing.owner)
    chosen = CHOSEN.filter(mailing_id=mailing.pk).values("client_id")
    rows = _in_any(mailing.groups.all(), chosen=chosen, known=known)
    once = mailing.pk if mailing.each_once else None
    return _but(rows, excluded=mailing.excluded.all(), once=once, known=known)


def _in_any(groups: Iterable[ClientGroup], *, chosen: Any, known: Known) -> ClientQuerySet:
    """An owner's clients that are chosen or in one of the groups."""
    own = [group for group in groups if group.owner_id == known.owner.pk]
    picked = [group.pk for group in own if group.rule is None]
    members = MEMBERS.filter(clientgroup_id__in=picked).values("client_id")
    ruled = [
        clients_of(group, known=known).order_by().values("pk") for group in own if group.rule is not None
    ]
    # One UNION and not several conditions: with OR, PostgreSQL compares client by client.
    return Client.objects.filter(pk__in=chosen.union(members, *ruled), owner_id=known.owner.pk)


def _but(
    rows: ClientQuerySet, *, excluded: Iterable[ClientGroup], once: int | None, known: Known
) -> ClientQuerySet:
    """Those who are in none of these groups, and to whom this mailing has sent nothing yet."""
    own = [group for group in excluded if group.owner_id == known.owner.pk]
    picked = [group.pk for group in own if group.rule is None]
    if picked:
        rows = rows.filter(~Exists(MEMBERS.filter(client_id=OuterRef("pk"), clientgroup_id__in=picked)))
    for group in own:
        if group.rule is not None:
            rows = rows.filter(~Exists(clients_of(group, known=known).filter(pk=OuterRef("pk"))))
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
    """Count what a choice would reach, before it is saved; ids of others' rows count for nothing.

    `excluded`: groups whose clients are left out; `once`: the mailing that nobody gets twice; `mailing`:
    those who left this one are not mailed.
    """
    known = Known(owner)
    named = ClientGroup.objects.owned_by(owner).filter(pk__in=[*groups, *excluded]).with_size()
    found = {group.pk: group for group in named} if groups or excluded else {}
    own = [found[pk] for pk in groups if pk in found]
    try:
        if any(_size(group, known).more for group in own):
            return Audience(total=UpTo.of(LIMIT + 1))
        # No group is large here, so these are few enough to be checked one by one.
        chosen = Client.objects.owned_by(owner).filter(pk__in=list(clients)).order_by().values("pk")
        reached = _in_any(own, chosen=chosen, known=known)
        left_out = [found[pk] for pk in excluded if pk in found]
        reached = _but(reached, excluded=left_out, once=once, known=known)
    except BrokenRule as error:
        return Audience(total=UpTo.of(0), problem=str(error))
    against: Any = Exists(Suppression.objects.against_client())
    if mailing:
        against |= Exists(OptOut.objects.from_mailing(mailing))
    return _counted(reached, against=against)


def audience_among(rows: ClientQuerySet) -> Audience:
    """Count some clients of one owner, who are few enough to be checked one by one."""
    return _counted(rows, against=Exists(Suppression.objects.against_client()))


def _counted(rows: ClientQuerySet, *, against: Any) -> Audience:
    counts = rows.annotate(is_stopped=against).aggregate(
        total=Count("pk"), stopped=Count("pk", filter=Q(is_stopped=True))
    )
    return Audience(total=UpTo.of(counts["total"]), suppressed=counts["stopped"])


def _size(group: Any, known: Known) -> UpTo:
    return group.size if group.rule is None else count(clients_of(group, known=known))


def first_of(
    *, owner: User, clients: Collection[int], groups: Collection[int], excluded: Collection[int], most: int
) -> ClientQuerySet:
    """Some of those whom a choice reaches: all of them up to `most`; nobody if a rule is broken."""
    known = Known(owner)
    named = ClientGroup.objects.owned_by(owner).filter(pk__in=[*groups, *excluded])
    of = {group.pk: group for group in named}
    try:
        rows = [clients_of(of[pk], known=known) for pk in groups if pk in of]
        found = {*clients, *(pk for row in rows for pk in row.order_by().values_list("pk", flat=True)[:most])}
        left_out = [of[pk] for pk in excluded if pk in of]
        own = Client.objects.owned_by(owner).filter(pk__in=found)
        return _but(own, excluded=left_out, once=None, known=known)
    except BrokenRule:
        return Client.objects.none()


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
    """How many clients each of these mailings reaches now, in a few queries for all of them.

    Clients are compared one by one only where one may have been chosen twice. Mailings whose groups have
    rules are left out: what a rule finds is not counted for a list.
    """
    has_rule = ExpressionWrapper(Q(clientgroup__rule__isnull=False), BooleanField())
    named: Any = Mailing.groups.through.objects.filter(mailing_id__in=mailing_ids)
    links = list(named.annotate(by_rule=has_rule).values_list("mailing_id", "clientgroup_id", "by_rule"))
    left_out: Any = Mailing.excluded.through.objects.filter(mailing_id__in=mailing_ids)
    ruled_last = left_out.annotate(by_rule=has_rule).order_by("by_rule")
    excluding = dict(ruled_last.values_list("mailing_id", "by_rule"))
    of_group = _sizes(ClientGroup.objects.filter(mailings__in=mailing_ids).distinct())
    parts = defaultdict(list)
    for mailing, group, _by_rule in links:
        parts[mailing].append(of_group.get(group, UpTo.of(0)))
    chosen = CHOSEN.filter(mailing_id__in=mailing_ids).values_list("mailing_id")
    for mailing, number in chosen.annotate(number=Count("pk")):
        parts[mailing].append(UpTo.of(number))
    by_rule = {mailing for mailing, _group, is_rule in links if is_rule}
    by_rule |= {mailing for mailing, is_rule in excluding.items() if is_rule}
    mixed = [
        mailing
        for mailing, sizes in parts.items()
        if (len(sizes) > 1 or mailing in excluding) and not any(n.more for n in sizes)
    ]
    largest = {mailing: max(sizes, key=lambda size: (size, size.more)) for mailing, sizes in parts.items()}
    none = dict.fromkeys(mailing_ids, UpTo.of(0))
    found = none | largest | (_distinct_sizes(mixed) if mixed else {})
    return {mailing: size for mailing, size in found.items() if mailing not in by_rule}


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
