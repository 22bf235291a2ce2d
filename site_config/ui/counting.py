"""Counts with a limit: small numbers matter exactly, and large ones must not be expensive."""

from typing import Any, Self

from django.db.models import IntegerField, QuerySet, Subquery
from django.utils import formats
from django.utils.translation import gettext as _

LIMIT = 10_000  # rows that a list counts and pages through; a search finds the others


def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return formats.number_format(number, force_grouping=True)


def short(number: int) -> str:
    """A number as a narrow place has room for it: from LIMIT on in thousands or millions, rounded down."""
    if number < LIMIT:
        return grouped(number)
    if number < 1_000_000:
        return _("%(number)sk") % {"number": number // 1000}
    return _("%(number)sM") % {"number": formats.number_format(number // 10_000 / 100)}


def share(part: int, whole: int) -> str:
    """A part in percent, rounded down, as "all" means all; what is less than one as a number."""
    percent = part * 100 // whole
    return _("%(percent)s%%") % {"percent": percent} if percent else grouped(part)


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
        number = grouped(self)
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
