from collections.abc import Iterable
from typing import Any

import django_tables2 as tables
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from mailer.models import Attribute, Client, ClientGroup, Suppression
from mailer.models.attribute import shown_value
from mailer.tables.states import MAIN
from site_config.ui.bulk import SelectColumn
from site_config.ui.tables import (
    Action,
    ActionsColumn,
    BadgeColumn,
    NumberColumn,
    RowTable,
    TimeColumn,
    row_id,
)

NAMES_SHOWN = 2


class SuppressionColumn(BadgeColumn):
    """Why a client is not mailed; empty if they may be mailed."""

    def __init__(self) -> None:
        kinds = {"unsubscribed": "warn", "bounced": "bad", "complained": "bad", "paused": "idle"}
        # Not sortable: the filter finds them, and sorting would mean looking up a million first.
        super().__init__(kinds, verbose_name=_("Stop-list"), orderable=False)

    def text(self, raw: str, value: Any) -> str | Promise:
        return Suppression.Reason(raw).label


class RemoveColumn(ActionsColumn):
    """Removes a client from the group on the page."""

    def render(self, record: Model, table: tables.Table) -> str:
        group = table.context["group"]
        link = {
            "id": f"{row_id(record)}-remove",
            "title": _("Remove"),
            "url": reverse("group_remove", args=[group.pk, record.pk]),
            "post": True,
        }
        return render_to_string("includes/row_actions.html", {"main": [link], "record": record})


class AttributeColumn(tables.Column):
    """One attribute of each client."""

    def __init__(self, attribute: Attribute) -> None:
        super().__init__(verbose_name=attribute.key, orderable=False, accessor="attributes", empty_values=())
        self.attribute = attribute

    def render(self, value: dict[str, Any]) -> str:
        return shown_value(self.attribute.kind, value.get(self.attribute.key))


class WithAttributes(RowTable):
    """A table of clients with the attributes that their owner wants to see."""

    def __init__(self, *args: Any, attributes: Iterable[Attribute] = (), **kwargs: Any) -> None:
        extra = [(f"attribute-{one.pk}", AttributeColumn(one)) for one in attributes]
        if extra:
            kwargs["extra_columns"] = extra
            kwargs["sequence"] = ("select", "email", "full_name", *(name for name, _column in extra), "...")
        super().__init__(*args, **kwargs)


class MemberTable(WithAttributes):
    """The clients of one group."""

    select = SelectColumn()

    email = tables.Column(linkify=("client_detail", [tables.A("pk")]), order_by=("address_key",), attrs=MAIN)
    full_name = tables.Column(order_by=("full_name", "email"), default="")
    suppressed = SuppressionColumn()
    actions = RemoveColumn()

    class Meta(RowTable.Meta):
        model = Client
        fields = ("select", "email", "full_name", "suppressed", "actions")
        order_by = "full_name"
        empty_text = _("No clients here. Add some from the list of clients.")


class RuleMemberTable(MemberTable):
    """The clients that a group's rule finds: none can be removed by hand."""

    class Meta(MemberTable.Meta):
        exclude = ("actions",)
        empty_text = _("The rule finds no clients. A mailing reaches those it finds when it runs.")


def shortened(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    rest = f" +{len(names) - NAMES_SHOWN}" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + rest


class ClientTable(WithAttributes):
    list_name = "clients"
    select = SelectColumn()
    email = tables.Column(linkify=("client_detail", [tables.A("pk")]), order_by=("address_key",), attrs=MAIN)
    full_name = tables.Column(order_by=("full_name", "email"), default="")
    groups = tables.Column(verbose_name=_("Groups"), orderable=False, empty_values=())
    suppressed = SuppressionColumn()
    created_at = TimeColumn(verbose_name=_("Added"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Edit"), url_name="client_edit"),
        Action(name="delete", title=_("Delete"), url_name="client_delete", danger=True),
    )

    class Meta(RowTable.Meta):
        model = Client
        fields = ("select", "email", "full_name", "groups", "suppressed", "created_at", "actions")
        order_by = "full_name"
        empty_text = _("No clients found. Clients are the people who receive your mail.")

    def render_groups(self, record: Client) -> str:
        names = [group.name for group in record.groups.all()]
        if not names:
            return ""
        return format_html('<span title="{}">{}</span>', ", ".join(names), shortened(names))


class AttributeTable(RowTable):
    key = tables.Column(attrs=MAIN)
    kind = tables.Column()
    in_list = tables.BooleanColumn(verbose_name=_("Column in the list"), orderable=False)
    created_at = TimeColumn(verbose_name=_("Created"))
    actions = ActionsColumn(
        Action(name="delete", title=_("Delete"), url_name="attribute_delete", danger=True),
    )

    class Meta(RowTable.Meta):
        model = Attribute
        fields = ("key", "kind", "in_list", "created_at", "actions")
        order_by = "key"
        empty_text = _("No attributes yet: a city, a birthday, a discount, whatever your messages need.")

    def render_in_list(self, value: bool) -> str:
        return str(_("yes") if value else _("no"))


class SizeColumn(NumberColumn):
    """How many clients are in a group; those that a rule finds are counted on the group's own page."""

    def __init__(self) -> None:
        super().__init__(accessor="size__shown", order_by=("size",), verbose_name=_("Clients"))

    def render(self, value: str, **kwargs: Any) -> str:
        return value if kwargs["record"].rule is None else str(_("by rule"))


class GroupTable(RowTable):
    list_name = "groups"
    name = tables.Column(linkify=("group_detail", [tables.A("pk")]), attrs=MAIN)
    size = SizeColumn()
    created_at = TimeColumn(verbose_name=_("Created"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Edit"), url_name="group_edit"),
        Action(name="delete", title=_("Delete"), url_name="group_delete", danger=True),
    )

    class Meta(RowTable.Meta):
        model = ClientGroup
        fields = ("name", "size", "created_at", "actions")
        order_by = "name"
        empty_text = _("No groups found. A mailing to a group also reaches anyone who joins it later.")
