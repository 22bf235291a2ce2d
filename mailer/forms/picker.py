"""Choosing a few rows among very many: the chosen ones stay, and a search offers more."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise

from site_config.ui.search import contains

OFFERED = 20
CHOSEN_LIMIT = 500  # for more there are groups


@dataclass(frozen=True, kw_only=True)
class Picker:
    """One field's chosen rows, and the first rows that match a search."""

    name: str
    title: str | Promise
    rows: QuerySet[Any]
    search_in: tuple[str, ...]
    chosen_ids: frozenset[int]
    query: str = ""
    errors: tuple[str, ...] = ()

    @property
    def list_id(self) -> str:
        return f"{self.name}-list"

    @cached_property
    def chosen(self) -> list[Any]:
        return list(self.rows.filter(pk__in=self.chosen_ids)[:CHOSEN_LIMIT])

    @cached_property
    def _offered(self) -> list[Any]:
        rest = self.rows.exclude(pk__in=self.chosen_ids)
        if self.query:
            rest = rest.filter(contains(self.search_in, self.query))
        return list(rest[: OFFERED + 1])

    @property
    def offered(self) -> list[Any]:
        return self._offered[:OFFERED]

    @property
    def more(self) -> bool:
        """Whether there are further matches, which a longer search would find."""
        return len(self._offered) > OFFERED


def as_ids(values: Iterable[object]) -> frozenset[int]:
    """The ids among submitted values; anything that is not a number is dropped."""
    texts = (str(value) for value in values)
    return frozenset(int(text) for text in texts if text.isdecimal() and len(text) < 19)
