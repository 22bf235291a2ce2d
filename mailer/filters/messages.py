from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django_filters import ChoiceFilter

from mailer.models import Message
from site_config.ui.filters import ListFilter, SearchFilter

if TYPE_CHECKING:
    from django.db.models import QuerySet


class MessageFilter(ListFilter):
    q = SearchFilter(fields=("subject", "body"), label=_("Subject or text"))

    archived = ChoiceFilter(
        method="only_archived", label=_("Shown"), empty_label=_("current"), choices=[("yes", _("archived"))]
    )

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()

    @property
    def qs(self) -> "QuerySet[Message]":
        """Unless asked otherwise, those that are not archived."""
        rows: QuerySet[Message] = super().qs
        return rows if self.data.get("archived") else rows.filter(archived_at=None)

    def only_archived(self, rows: "QuerySet[Message]", _name: str, _value: str) -> "QuerySet[Message]":
        return rows.exclude(archived_at=None)
