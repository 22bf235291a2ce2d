"""Pages of a very long list by the keys of their rows: the last costs what the first costs.

The address says after or before which row a page lies, and not its number: to skip a million rows takes as
long as to read them.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class KeyPage:
    """The rows of one page in the order of their keys, and whether there are others on either side."""

    ids: list[int]
    earlier: bool
    later: bool

    @property
    def first(self) -> int | None:
        return self.ids[0] if self.earlier else None

    @property
    def last(self) -> int | None:
        return self.ids[-1] if self.later else None

    @property
    def alone(self) -> bool:
        return not self.earlier and not self.later


def key_page(rows: QuerySet[Any], *, asked: QueryDict, size: int, constant: str = "") -> KeyPage:
    """The page that `after`, `before` or `last` in an address asks for; the first, if none of them does.

    `constant`: a column that is the same in all of these rows and stands before the key in their index. Where
    it is NULL, PostgreSQL takes the rows in the order of that index only if the order names it.
    """
    after, before = _key(asked.get("after")), _key(asked.get("before"))
    forth = [constant, "pk"] if constant else ["pk"]
    keys = rows.order_by(*forth).values_list("pk", flat=True)
    if after is None and (before is not None or "last" in asked):
        back = keys.order_by(*(f"-{name}" for name in forth))
        found = list((back if before is None else back.filter(pk__lt=before))[: size + 1])
        return KeyPage(ids=found[:size][::-1], earlier=len(found) > size, later=before is not None)
    found = list((keys if after is None else keys.filter(pk__gt=after))[: size + 1])
    return KeyPage(ids=found[:size], earlier=bool(found) and after is not None, later=len(found) > size)


def _key(text: str | None) -> int | None:
    """A row's key as it stands in an address, if it is one."""
    if text and text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_KEY:
        return int(text)
    return None
