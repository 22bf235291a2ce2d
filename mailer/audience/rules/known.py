"""What one owner's rules may refer to; each is fetched once, when first needed."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from mailer.models import Attribute, ClientGroup, Mailing
from people.models import User

MOST_NESTED = 5  # groups that depend on each other
MAILINGS_OFFERED = 200


class BrokenRule(Exception):
    """A rule cannot be evaluated; str(error) tells its owner why."""


class Known:
    """An owner's groups, attributes and mailings. `path`: the groups by rule being evaluated."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        self.path: tuple[int, ...] = ()
        self._names: dict[int, str] = {}

    def within(self, path: Iterable[int]) -> "Known":
        """The same for a rule inside another."""
        inner = Known.__new__(Known)
        inner.__dict__.update(self.__dict__, path=tuple(path))
        return inner

    def inside(self, group: ClientGroup) -> "Known":
        """The same while a group's rule is evaluated; raises BrokenRule if that would never end."""
        if group.pk in self.path:
            raise BrokenRule(_("It would contain itself."))
        if len(self.path) >= MOST_NESTED:
            raise BrokenRule(_("Too many groups depend on each other."))
        return self.within((*self.path, group.pk))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.owner.time_zone)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kinds of attributes by their keys."""
        return Attribute.objects.owned_by(self.owner).kinds()

    @cached_property
    def groups(self) -> dict[int, ClientGroup]:
        return {group.pk: group for group in ClientGroup.objects.owned_by(self.owner)}

    @cached_property
    def mailings(self) -> list[tuple[int, str]]:
        """The latest mailings, to choose from."""
        return self._mailings(Q())[:MAILINGS_OFFERED]

    def mailing(self, pk: int) -> str | None:
        """The name of one of the owner's mailings, if it exists."""
        if pk not in self._names:
            self._names.update(self._mailings(Q(pk=pk)))
        return self._names.get(pk)

    def _mailings(self, which: Q) -> list[tuple[int, str]]:
        rows: Any = Mailing.objects.owned_by(self.owner).filter(which).order_by("-pk")
        return list(rows.values_list("pk", "name")[:MAILINGS_OFFERED])
