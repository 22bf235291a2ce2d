"""Counts with a limit: small numbers matter exactly, and large ones must not be expensive."""

from typing import Any, Self

from django.db.models import IntegerField, QuerySet, Subquery
from django.utils import formats
from django.utils.translation import gettext as _

LIMIT = 10_000  # rows that a list counts and pages through; a search finds the others


class UpTo(int):
    """A number up to LIMIT; `more`: there are more than that."""

    more = False

    @classmethod
    def of(cls, number: int) -> Self:
        """Read a count that may have stopped anywhere beyond LIMIT."""
        counted = cls(min(number, LIMIT))
        counted.more = number > LIMIT
        return counted

    @property
    def shown(self) -> str:
        """As people read it; plural forms depend on the number itself."""
        number = formats.number_format(int(self), force_grouping=True)
        return _("more than %(number)s") % {"number": number} if self.more else number


def count(rows: QuerySet[Any]) -> UpTo:
    """How many rows there are, by a statement that stops reading at the limit."""
    return UpTo.of(rows.order_by().values("pk")[: LIMIT + 1].count())


class UpToField(IntegerField):  # type: ignore[type-arg]  # not subscriptable at run time
    """A count in the database that is returned as UpTo."""

    def from_db_value(self, value: int, *_: Any) -> UpTo:
        return UpTo.of(value)


class CountUpTo(Subquery):
    """How many rows a subquery finds, for an annotation; it has the same limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = UpToField()

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: LIMIT + 1])
