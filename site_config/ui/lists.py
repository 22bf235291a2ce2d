"""Lists: a table with its filter, sort and pages; the same addresses with and without JavaScript.

A list says where its rows come from; the panels that create, edit and delete them refer to it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django_filters.views import FilterView
from django_tables2 import SingleTableMixin

from site_config.ui.http import Request, no_content, retarget, targets, trigger
from site_config.ui.keyset import KeyPage, key_page
from site_config.ui.tables import PER_PAGE, Pages, StableData, digest
from site_config.ui.views import SignedIn, Text

if TYPE_CHECKING:
    from people.models import User

REGION = "table-region"
POLL = "table-poll"
SEEN = "X-Seen"  # what a page that polls shows already: see RowTable.marks


class TableView(SignedIn, SingleTableMixin, FilterView):
    """A table of the rows a user may see, with filter, sort and pages."""

    things: ClassVar[str]  # the name of this list's URL, and of the event "<things>:changed"
    title: ClassVar[Text]
    lead: ClassVar[Text] = ""
    create_url_name: ClassVar[str] = ""
    create_title: ClassVar[Text] = ""
    create_in_dialog: ClassVar[bool] = True
    columns_url_name: ClassVar[str] = ""  # what asks which columns to show: site_config.ui.columns
    bulk_url_name: ClassVar[str] = ""  # what asks about actions on many rows: site_config.ui.bulk
    bulk_actions: ClassVar[Iterable[tuple[str, Any]]] = ()
    bulk_when_ticked: ClassVar[bool] = False  # they take no room until a row is ticked
    above_table: ClassVar[str] = ""  # a template that is reloaded together with the table

    template_name = "includes/list.html"
    table_pagination: ClassVar[dict[str, Any]] = {"per_page": PER_PAGE, "paginator_class": Pages}
    strict = False
    by_key: ClassVar[bool] = False  # pages by the keys of rows, and to the very end: for lists of millions
    key_page: KeyPage

    @classmethod
    def rows(cls, user: "User") -> QuerySet[Any]:
        """The rows of this list, with all that its columns show."""
        rows: QuerySet[Any] = cls.model._default_manager.visible_to(user)
        return rows

    @classmethod
    def row_table(cls, row: models.Model, request: HttpRequest) -> Any:
        options = cls.table_options(request)
        return cls.table_class([row], request=request, user=cast("Request", request).user, **options)

    @classmethod
    def table_options(cls, request: HttpRequest) -> dict[str, Any]:
        """What the table is made with beside its rows."""
        return {}

    @classmethod
    def answer_row(cls, request: Request, pk: Any) -> HttpResponse:
        """One row as it is now, put in its place on the page; a dialog that asked for the change closes."""
        row = cls.rows(request.user).get(pk=pk)
        [shown] = cls.row_table(row, request).shown_rows
        response = render(request, "includes/table.html#row", {"row": shown})
        return trigger(retarget(response, f"#{shown.id}"), "dialog:close")

    def get_queryset(self) -> QuerySet[Any]:
        return self.rows(self.request.user)

    def get_table_data(self) -> StableData:
        if not self.by_key:
            return StableData(self.object_list)
        self.key_page = key_page(
            self.object_list, asked=self.request.GET, size=PER_PAGE, constant=self.constant_column()
        )
        return StableData(self.model._default_manager.filter(pk__in=self.key_page.ids))

    def get_table_pagination(self, table: Any) -> Any:
        return False if self.by_key else super().get_table_pagination(table)

    def constant_column(self) -> str:
        """See key_page."""
        return ""

    def found(self) -> int | None:
        """How many rows a list by keys has in all, where that is known without counting them."""
        return None

    def get_table_kwargs(self) -> dict[str, Any]:
        options = self.table_options(self.request)
        return {**super().get_table_kwargs(), "user": self.request.user, **options}

    def get_template_names(self) -> list[str]:
        return ["includes/table_region.html" if targets(self.request, REGION) else self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own: dict[str, Any] = {
            "title": self.title,
            "lead": self.lead,
            "create_url": SimpleLazyObject(self.create_url),  # the table alone does not show it
            "create_title": self.create_title,
            "create_in_dialog": self.create_in_dialog,
            "above_table": self.above_table,
            "changed_event": f"{self.things}:changed",
        }
        context: dict[str, Any] = super().get_context_data(**{**own, **kwargs})
        context["poll"] = self.poll_seconds(context)
        if self.above_table:
            context["above"] = render_to_string(self.above_table, context, request=self.request)
        context["bulk"] = self.bulk()
        context["above_mark"] = digest(context.get("above", ""))
        if self.columns_url_name:
            context["table"].columns_url = reverse(self.columns_url_name)
        context["table"].empty_actions = SimpleLazyObject(self.empty_actions)
        if self.by_key:
            context["table"].key_page, context["table"].found = self.key_page, self.found()
        return context

    def bulk(self) -> dict[str, Any] | None:
        """The actions on many rows, and the address that asks about them; it has the filter in it."""
        if not self.bulk_url_name:
            return None
        url = f"{reverse(self.bulk_url_name)}?{self.bulk_query()}"
        return {"url": url, "actions": self.bulk_actions, "when_ticked": self.bulk_when_ticked}

    def bulk_query(self) -> str:
        return self.request.GET.urlencode()

    def empty_actions(self) -> list[tuple[Text, str]]:
        """What to do about an empty list: clear the filter, or make the first row."""
        if self.request.GET:
            return [(_("Clear the filter"), self.request.path)]
        return self.first_steps()

    def first_steps(self) -> list[tuple[Text, str]]:
        """The ways to fill the list, the usual one first."""
        return [(self.create_title, self.create_url())] if self.may_create() else []

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if targets(self.request, POLL):
            return self.changes(context)
        response: HttpResponse = super().render_to_response(context, **kwargs)
        return response

    def changes(self, context: dict[str, Any]) -> HttpResponse:
        """What is new since the page was made: nothing, some cells, or all if rows came, went or moved."""
        above, _sep, marks = self.request.headers.get(SEEN, "").partition(";")
        seen = dict(mark.split(":", 1) for mark in marks.split(",") if ":" in mark)
        rows = context["table"].shown_rows
        if list(seen) != [str(row.pk) for row in rows]:
            return retarget(render(self.request, "includes/table_region.html", context), f"#{REGION}")
        changed = [row for row in rows if seen[str(row.pk)] != row.mark]
        if not changed and above == context["above_mark"]:
            return no_content()
        context |= {"changed": changed, "above_changed": above != context["above_mark"]}
        return render(self.request, "includes/table_changes.html", context)

    def create_url(self) -> str:
        return reverse(self.create_url_name) if self.may_create() else ""

    def may_create(self) -> bool:
        return bool(self.create_url_name) and not self.request.user.only_watches

    def poll_seconds(self, context: dict[str, Any]) -> int:
        """How often a page of this list looks again by itself; 0 for never."""
        return 0
