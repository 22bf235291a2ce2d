"""What every table of the site has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import django_tables2 as tables
from django.core.paginator import Paginator
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_tables2.data import TableQuerysetData

from site_config.ui.counting import UpTo, count

MOMENT = pgettext_lazy("format of a date with its time", "j M Y, H:i")
PER_PAGE = 25
PER_PAGE_LIMIT = 100


class Pages(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Pages of a size the address may ask for, within reason; only the first rows of a long list have one.

    To skip a million rows takes as long as to read them, whatever the index.
    """

    def __init__(self, rows: Any, per_page: int, **kwargs: Any) -> None:
        super().__init__(rows, min(max(per_page, 1), PER_PAGE_LIMIT), **kwargs)

    @cached_property
    def count(self) -> UpTo:
        return UpTo.of(len(self.object_list))


class StableData(TableQuerysetData):
    """Rows whose order always ends in the primary key, so that two pages never overlap."""

    data: Any

    def order_by(self, aliases: Sequence[str]) -> None:
        super().order_by(aliases)
        chosen = self.data.query.order_by
        if chosen and not {"pk", "-pk"}.intersection(chosen):
            # In the direction of the others: an index is read one way.
            last = str(chosen[-1])
            self.data = self.data.order_by(*chosen, "-pk" if last.startswith("-") else "pk")

    def __len__(self) -> int:
        if getattr(self, "_length", None) is None:
            counted = count(self.data)
            self._length = counted + counted.more
        return int(self._length)

    def __getitem__(self, key: Any) -> Any:
        """The rows of a page; those before them are skipped by their ids alone."""
        if not isinstance(key, slice) or not key.start:
            return super().__getitem__(key)
        ids = list(self.data.values_list("pk", flat=True)[key])
        rows = {row.pk: row for row in self.data.order_by().filter(pk__in=ids)}
        return [rows[pk] for pk in ids if pk in rows]


def row_id(record: Model) -> str:
    """The id of a row's element, by which one row can be replaced."""
    return f"{record._meta.model_name}-{record.pk}"


class RowTable(tables.Table):
    """A table whose rows can be replaced one by one. Orderings are the model's, unless a column is chosen."""

    class Meta:
        row_attrs: ClassVar[dict[str, Any]] = {"id": row_id}

    @property
    def shows_times(self) -> bool:
        return any(isinstance(bound.column, TimeColumn) for bound in self.columns)


def moment(value: datetime) -> str:
    """A moment as people write it, in the user's zone."""
    return formats.date_format(timezone.localtime(value), str(MOMENT))


class TimeColumn(tables.Column):
    """A moment, in the user's zone."""

    def render(self, value: datetime) -> SafeString:
        date, comma, time = moment(value).rpartition(", ")
        unbroken = date.replace(" ", "\N{NO-BREAK SPACE}")  # only the time may stand on a second line
        return format_html('<time datetime="{}">{}{}{}</time>', value.isoformat(), unbroken, comma, time)


@dataclass(frozen=True, kw_only=True)
class Action:
    """A link in each row; in the dialog, or to a page of its own."""

    name: str
    title: str | Promise
    url_name: str
    icon: str
    dialog: bool = True

    def link(self, record: Model) -> dict[str, Any]:
        return {
            "id": f"{row_id(record)}-{self.name}",
            "title": self.title,
            "url": reverse(self.url_name, args=[record.pk]),
            "icon": self.icon,
            "dialog": self.dialog,
            "kind": "danger" if self.name == "delete" else "secondary",
        }


class ActionsColumn(tables.Column):
    """What can be done with a row."""

    def __init__(self, *actions: Action, **kwargs: Any) -> None:
        super().__init__(verbose_name=_("Actions"), empty_values=(), orderable=False, **kwargs)
        self.actions = actions

    def render(self, record: Model) -> str:
        links = [action.link(record) for action in self.actions]
        return render_to_string("includes/row_actions.html", {"actions": links, "record": record})


class BadgeColumn(tables.Column):
    """A short state: `kinds` names the look of each value (ok, warn, bad, live, idle)."""

    def __init__(self, kinds: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**{"default": "", **kwargs})
        self.kinds = kinds

    def render(self, value: Any, record: Model, bound_column: Any) -> str:
        raw = str(getattr(record, bound_column.accessor, value))
        return badge(self.kinds.get(raw, "idle"), self.text(raw, value))

    def text(self, raw: str, value: Any) -> str | Promise:  # noqa: ARG002  (for subclasses)
        return str(value)


def badge(kind: str, text: str | Promise) -> str:
    return render_to_string("includes/badge.html", {"kind": kind, "text": text})
