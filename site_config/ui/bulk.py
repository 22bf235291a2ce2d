"""Selecting rows of a list (some, a page, or all that the filter finds) and acting on them.

A list names its actions and the URL that asks about them (`TableView.bulk`); its table has a SelectColumn.
"""

from typing import TYPE_CHECKING, Any

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.translation import gettext as _

from site_config.ui.panels import OnAllFound, PanelView
from site_config.ui.views import OwnersOnly

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

FORM = "bulk-form"
MOST_CHOSEN = 1_000  # rows ticked one by one; for more there is the filter


class SelectColumn(tables.Column):
    """A checkbox for each row; the one in the heading ticks those of the page."""

    def __init__(self) -> None:
        super().__init__(
            verbose_name="",
            accessor="pk",
            orderable=False,
            attrs={"td": {"class": "select-cell"}, "th": {"class": "select-cell"}},
        )

    @property
    def header(self) -> str:
        return format_html(
            '<input class="form-check-input" type="checkbox" data-select-page data-needs-script hidden'
            ' aria-label="{}">',
            _("All on this page"),
        )

    def render(self, value: Any, record: "Model") -> str:
        return format_html(
            '<input class="form-check-input" type="checkbox" name="pk" value="{}" form="{}" aria-label="{}">',
            value,
            FORM,
            _("Choose %(row)s") % {"row": record},
        )


class BulkPanel(OwnersOnly, OnAllFound, PanelView):
    """Asks about an action on the selected rows, and performs it once confirmed."""

    def chosen(self) -> "QuerySet[Any]":
        """Own rows only: the ticked ones, or all that the URL's filter finds."""
        if self.everybody:
            return self.found()
        sent = self.request.POST.getlist("pk")[:MOST_CHOSEN]
        ids = [int(pk) for pk in sent if pk.isdecimal() and len(pk) < 19]
        manager: Any = self.list_view.model._default_manager
        rows: QuerySet[Any] = manager.owned_by(self.request.user).filter(pk__in=ids)
        return rows

    @property
    def everybody(self) -> bool:
        return "everybody" in self.request.POST

    @property
    def sent_choice(self) -> list[tuple[str, str]]:
        """The selection, as the question passes it on to the answer."""
        if self.everybody:
            return [("everybody", "1")]
        return [("pk", pk) for pk in self.request.POST.getlist("pk")[:MOST_CHOSEN] if pk.isdecimal()]
