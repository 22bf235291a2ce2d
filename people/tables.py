from typing import Any

import django_tables2 as tables
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from people.access import may_block
from people.models import AuditEntry, User
from people.roles import role_name
from site_config.ui.tables import Action, ActionsColumn, BadgeColumn, NumberColumn, RowTable, TimeColumn

MAIN: dict[str, Any] = {"td": {"class": "main-cell"}}
PERSON: dict[str, Any] = {"td": {"class": "person-cell"}}


class OwnerColumn(tables.TemplateColumn):
    """Whose a row is; `owner` is the path to the user."""

    def __init__(self, owner: str) -> None:
        super().__init__(
            template_name="people/cells.html#owner",
            accessor=owner,
            verbose_name=_("Owner"),
            order_by=(f"{owner}__email",),
            attrs=PERSON,
        )


class StateColumn(BadgeColumn):
    def text(self, raw: str, value: Any) -> str | Promise:
        return {"active": _("active"), "waiting": _("waiting for approval")}.get(raw, _("blocked"))


def blockable(user: User, by: User) -> bool:
    return user.is_active and may_block(user=user, by=by)


def admissible(user: User, by: User) -> bool:
    return user.is_active and user.waiting and by.has_perm("people.block_user")


def limitable(user: User, by: User) -> bool:
    return settings.GUARD and may_block(user=user, by=by)


def unblockable(user: User, by: User) -> bool:
    return not user.is_active and may_block(user=user, by=by)


def for_superusers(_user: User, by: User) -> bool:
    return by.is_superuser


def deletable(user: User, by: User) -> bool:
    return by.is_superuser and user.pk != by.pk


class UserTable(RowTable):
    list_name = "users"
    email = tables.Column(attrs=MAIN)
    name = tables.TemplateColumn(
        template_name="people/cells.html#name",
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
    mails_per_day = NumberColumn(verbose_name=_("Mails a day"), default=_("no limit"))
    date_joined = TimeColumn(verbose_name=_("Registered"))
    last_login = TimeColumn(default="")
    actions = ActionsColumn(
        Action(name="admit", title=_("Approve"), url_name="user_admit", post=True, shown=admissible),
        Action(name="block", title=_("Block"), url_name="user_block", shown=blockable, danger=True),
        Action(
            name="unblock",
            title=_("Unblock"),
            url_name="user_unblock",
            post=True,
            confirm=_("Unblock %(row)s? Their mailings continue."),
            shown=unblockable,
        ),
        Action(name="allowance", title=_("Allowance"), url_name="user_allowance", shown=limitable),
        Action(name="edit", title=_("Edit"), url_name="user_edit", shown=for_superusers),
        Action(name="delete", title=_("Delete"), url_name="user_delete", shown=deletable, danger=True),
    )

    class Meta(RowTable.Meta):
        model = User
        fields = ("email", "name", "state", "roles", "mails_per_day", "date_joined", "last_login", "actions")
        order_by = "email"
        empty_text = _("No users found.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, exclude=() if settings.GUARD else ("mails_per_day",), **kwargs)

    def render_email(self, record: User) -> str:
        return render_to_string("people/cells.html#user", {"record": record})

    def render_roles(self, record: User) -> str:
        names = [role_name(group) for group in record.groups.all()]
        if record.is_superuser:
            names.append(str(_("Superuser")))
        return ", ".join(names)


class AuditTable(RowTable):
    list_name = "audit"
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
        empty_text = _("Nothing has been recorded yet.")

    def render_detail(self, record: AuditEntry, value: str) -> str:
        return gettext(value) if record.action == AuditEntry.Action.LOGIN_FAILED else value
