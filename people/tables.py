from typing import Any

import django_tables2 as tables
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from people.access import may_block
from people.models import AuditEntry, User
from people.roles import role_name
from site_config.ui.tables import BadgeColumn, RowTable, TimeColumn

MAIN: dict[str, Any] = {"td": {"class": "main-cell"}}
PERSON: dict[str, Any] = {"td": {"class": "person-cell"}}


class OwnerColumn(tables.TemplateColumn):
    """Whose a row is: `owner` is the path to the user."""

    def __init__(self, owner: str) -> None:
        super().__init__(
            template_name="people/owner_cell.html",
            accessor=owner,
            verbose_name=_("Owner"),
            order_by=(f"{owner}__email",),
            attrs=PERSON,
        )


class StateColumn(BadgeColumn):
    def text(self, raw: str, value: Any) -> str | Promise:  # noqa: ARG002
        return {"active": _("active"), "waiting": _("waits to be let in")}.get(raw, _("blocked"))


class UserTable(RowTable):
    email = tables.Column(attrs=MAIN)
    name = tables.TemplateColumn(
        template_name="people/name_cell.html",
        verbose_name=_("Name"),
        order_by=("name", "email"),
        attrs=PERSON,
    )
    state = StateColumn(
        {"active": "ok", "waiting": "warn", "blocked": "bad"},
        verbose_name=_("State"),
        order_by=("is_active", "waiting"),
    )
    roles = tables.Column(verbose_name=_("Roles"), orderable=False, empty_values=())
    date_joined = TimeColumn(verbose_name=_("Registered"))
    last_login = TimeColumn(default="")
    actions = tables.Column(verbose_name=_("Actions"), orderable=False, empty_values=())

    class Meta(RowTable.Meta):
        model = User
        fields = ("email", "name", "state", "roles", "date_joined", "last_login", "actions")
        order_by = "email"
        empty_text = _("No user found.")

    def render_email(self, record: User) -> str:
        return render_to_string("people/user_cell.html", {"record": record})

    def render_roles(self, record: User) -> str:
        names = [role_name(group) for group in record.groups.all()]
        if record.is_superuser:
            names.append(str(_("Superuser")))
        return ", ".join(names)

    def render_actions(self, record: User) -> str:
        by: User = self.request.user
        context = {
            "record": record,
            "may_block": may_block(user=record, by=by),
            "may_edit": by.is_superuser,
        }
        return render_to_string("people/row_actions.html", context, request=self.request)


class AuditTable(RowTable):
    at = TimeColumn()
    actor = tables.Column(attrs=MAIN, default=_("the service"))
    action = tables.Column(order_by=("action", "-at"))
    target = tables.Column()
    detail = tables.Column(default="", orderable=False)
    address = tables.Column(default="")

    class Meta(RowTable.Meta):
        model = AuditEntry
        fields = ("at", "actor", "action", "target", "detail", "address")
        order_by = "-at"
        empty_text = _("Nothing was recorded yet.")

    def render_detail(self, record: AuditEntry, value: str) -> str:
        return gettext(value) if record.action == AuditEntry.Action.LOGIN_FAILED else value
