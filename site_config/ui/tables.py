"""What every table of the site has in common."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
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

from site_config.ui.counting import UpTo, count, grouped
from site_config.ui.keyset import KeyPage

MOMENT = pgettext_lazy("format of a date with its time", "j M Y, H:i")
SAME_YEAR = pgettext_lazy("format of a date of this year with its time", "j M, H:i")
DAY_OF_THIS_YEAR = pgettext_lazy("format of a date of this year", "j M")
ANOTHER_YEAR = pgettext_lazy("format of a date of another year", "j M Y")
NEAR_DAYS = {-1: _("yesterday, %(time)s"), 0: _("today, %(time)s"), 1: _("tomorrow, %(time)s")}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')
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


@dataclass(frozen=True, kw_only=True)
class ShownRow:
    """A row as it is shown: its cells are rendered once, for the page and for the mark that tells changes."""

    id: str
    pk: Any
    attrs: str
    cells: list[tuple[Any, Any]]

    @property
    def mark(self) -> str:
        return digest(*(str(cell) for _column, cell in self.cells))


def digest(*texts: str) -> str:
    """A short mark of what is on screen; the tokens of its forms differ each time and do not count."""
    hashed = sha256()
    for text in texts:
        hashed.update(TOKEN.sub("", text).encode() + b"\0")
    return hashed.hexdigest()[:10]


class RowTable(tables.Table):
    """A table whose rows can be replaced one by one. Orderings are the model's, unless a column is chosen."""

    empty_actions: Sequence[tuple[str | Promise, str]] = ()  # words and address of what fills an empty list
    key_page: KeyPage | None = None  # of a list whose pages have no numbers
    found: int | None = None
    list_name: ClassVar[str] = ""  # of a list whose columns one can choose; the choice is kept under it
    columns_url: str = ""  # where one does

    class Meta:
        row_attrs: ClassVar[dict[str, Any]] = {"id": row_id}

    def __init__(self, *args: Any, user: Any = None, exclude: Sequence[str] = (), **kwargs: Any) -> None:
        hidden = user.hidden_columns.get(self.list_name) if user and self.list_name else None
        self.is_chosen = hidden is not None  # then nothing leaves for want of space: see site.css
        left_out = (*self._meta.exclude, *exclude, *(set(hidden or ()) & set(self.choosable())))
        super().__init__(*args, exclude=left_out, **kwargs)

    @classmethod
    def choosable(cls) -> list[str]:
        """The columns that one may hide: not the one that names the row, nor what acts on it."""
        columns: dict[str, tables.Column] = cls.base_columns
        kept = {
            name
            for name, column in columns.items()
            if "main-cell" in column.attrs.get("td", {}).get("class", "")
        }
        return [name for name in columns if name not in {*kept, *cls._meta.exclude, "select", "actions"}]

    @classmethod
    def column_choices(cls) -> list[tuple[str, str]]:
        """Names and headings of the columns that one may hide, in their order."""
        names, nothing = cls.choosable(), cls._meta.model._default_manager.none()
        return [(column.name, str(column.header)) for column in cls(nothing).columns if column.name in names]

    @cached_property
    def shown_rows(self) -> list[ShownRow]:
        return [
            ShownRow(
                id=row_id(row.record),
                pk=row.record.pk,
                attrs=row.attrs.as_html(),
                cells=list(row.items()),
            )
            for row in self.paginated_rows
        ]

    @property
    def marks(self) -> str:
        """The rows on screen, each with its mark, by which a page that looks again asks what changed."""
        return ",".join(f"{row.pk}:{row.mark}" for row in self.shown_rows)

    @property
    def shows_times(self) -> bool:
        return any(isinstance(bound.column, TimeColumn) for bound in self.columns)


def moment(value: datetime) -> str:
    """A moment as people write it, in the user's zone."""
    return formats.date_format(timezone.localtime(value), str(MOMENT))


def near_moment(value: datetime) -> str:
    """A moment as people say it: today, tomorrow or yesterday with the time, else the date."""
    local, now = timezone.localtime(value), timezone.localtime()
    days = (local.date() - now.date()).days
    if days in NEAR_DAYS:
        return str(NEAR_DAYS[days]) % {"time": formats.date_format(local, "H:i")}
    return formats.date_format(local, str(SAME_YEAR if local.year == now.year else ANOTHER_YEAR))


def short_day(day: date) -> str:
    """A date without its time, the same wherever it stands; the year only if it is another one."""
    this_year = day.year == timezone.localdate().year
    return formats.date_format(day, str(DAY_OF_THIS_YEAR if this_year else ANOTHER_YEAR))


def exact(value: datetime) -> str:
    """A moment as HTML may hold it: of a second it takes three digits, not six."""
    return value.isoformat(timespec="seconds")


def shown_moment(value: datetime) -> SafeString:
    """A moment as people say it; the exact one when one points at it."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', exact(value), moment(value), near_moment(value)
    )


def countdown(value: datetime, *, within: int | None = None) -> SafeString:
    """How long until then, kept by a script; with `within`, shorter, and only so many seconds before."""
    return format_html(
        '<span class="optional" title="{}" data-countdown="{}"'
        ' data-within="{}" data-words="{}" data-due="{}"></span>',
        moment(value),
        exact(value),
        within or "",
        _("in …"),
        _("any moment now"),
    )


class TimeColumn(tables.Column):
    """A moment, in the user's zone."""

    def render(self, value: datetime) -> SafeString:
        return shown_moment(value)


class NumberColumn(tables.Column):
    """A number, with its thousands apart."""

    def __init__(self, **kwargs: Any) -> None:
        place = {"class": "number"}
        super().__init__(**{"attrs": {"td": place, "th": place}, **kwargs})

    def render(self, value: Any) -> Any:
        return grouped(value) if isinstance(value, int) else value


class ComingColumn(TimeColumn):
    """A moment to come; in its last hour how long it is until then, in its place."""

    def render(self, value: datetime) -> SafeString:
        return format_html(
            '<span class="coming">{}{}</span>', shown_moment(value), countdown(value, within=3600)
        )


def always(_row: Any, _user: Any) -> bool:
    return True


def by_key(row: Any) -> Any:
    return row.pk


@dataclass(frozen=True, kw_only=True)
class Action:
    """What can be done with a row: a form or a question in the dialog, a page, or (`post`) at once.

    `shown` says for which row and whom; `confirm` is asked before, about %(row)s.
    """

    name: str
    title: str | Promise
    url_name: str
    dialog: bool = True
    post: bool = False
    confirm: str | Promise = ""
    danger: bool = False
    shown: Callable[[Any, Any], bool] = always
    of: Callable[[Any], Any] = by_key  # what the address names, if not the row itself

    def link(self, record: Model) -> dict[str, Any]:
        return {
            "id": f"{row_id(record)}-{self.name}",
            "row": row_id(record),
            "title": self.title,
            "url": reverse(self.url_name, args=[self.of(record)]),
            "dialog": self.dialog,
            "post": self.post,
            "confirm": str(self.confirm) % {"row": record} if self.confirm else "",
            "danger": self.danger,
        }


class ActionsColumn(tables.Column):
    """What can be done with a row: the first that is allowed is in sight, the others are in a menu."""

    def __init__(self, *actions: Action, **kwargs: Any) -> None:
        super().__init__(verbose_name=_("Actions"), empty_values=(), orderable=False, **kwargs)
        self.actions = actions

    def render(self, record: Model, table: tables.Table) -> str:
        user = getattr(getattr(table, "request", None), "user", None)
        links = [action.link(record) for action in self.actions if action.shown(record, user)]
        context = {"main": links[:1], "more": links[1:], "record": record, "row": row_id(record)}
        return render_to_string("includes/row_actions.html", context)


class BadgeColumn(tables.Column):
    """A short state: `kinds` names the look of each value (ok, warn, bad, live, idle)."""

    def __init__(self, kinds: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**{"default": "", **kwargs})
        self.kinds = kinds

    def render(self, value: Any, record: Model, bound_column: Any) -> str:
        raw = str(getattr(record, bound_column.accessor, value))
        return badge(self.kinds.get(raw, "idle"), self.text(raw, value))

    def text(self, raw: str, value: Any) -> str | Promise:
        return str(value)


def badge(kind: str, text: str | Promise) -> str:
    return render_to_string("includes/badge.html", {"kind": kind, "text": text})
