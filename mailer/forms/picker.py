"""Choosing a few rows among very many: what is chosen stays, and a search offers the next ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Model, Q, QuerySet

OFFERED = 20
CHOSEN_LIMIT = 500  # more than that is what groups are for


@dataclass(frozen=True, kw_only=True)
class Picker:
    """One field's chosen rows, and the first rows that match a search."""

    name: str
    rows: QuerySet[Model]
    search_in: tuple[str, ...]
    chosen_ids: frozenset[int]
    query: str = ""

    @cached_property
    def chosen(self) -> list[Model]:
        return list(self.rows.filter(pk__in=self.chosen_ids)[:CHOSEN_LIMIT])

    @cached_property
    def _offered(self) -> list[Model]:
        match = Q()
        for field in self.search_in:
            match |= Q(**{f"{field}__icontains": self.query})
        rest = self.rows.exclude(pk__in=self.chosen_ids)
        return list(rest.filter(match if self.query else Q())[: OFFERED + 1])

    @property
    def offered(self) -> list[Model]:
        return self._offered[:OFFERED]

    @property
    def more(self) -> bool:
        """There are further matches: a longer search would find them."""
        return len(self._offered) > OFFERED


def as_ids(values: Iterable[object]) -> frozenset[int]:
    """The ids among submitted values; whatever is not a number is dropped."""
    texts = (str(value) for value in values)
    return frozenset(int(text) for text in texts if text.isdecimal() and len(text) < 19)
