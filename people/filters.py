from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import ChoiceFilter, DateFilter

from people.models import AuditEntry, User
from people.roles import RoleFilter
from site_config.ui.filters import ListFilter, SearchFilter


class UserFilter(ListFilter):
    q = SearchFilter(fields=("email", "name", "company"), label=_("Email, name or company"))
    state = ChoiceFilter(
        method="by_state",
        label=_("State"),
        empty_label=_("All users"),
        choices=[("active", _("Active")), ("waiting", _("Waiting for approval")), ("blocked", _("Blocked"))],
    )
    role = RoleFilter(
        field_name="groups",
        queryset=Group.objects.order_by("name"),
        label=_("Role"),
        empty_label=_("All roles"),
    )

    class Meta:
        model = User
        fields: tuple[str, ...] = ()

    def by_state(self, queryset: QuerySet[User], _name: str, value: Any) -> QuerySet[User]:
        if value == "blocked":
            return queryset.filter(is_active=False)
        return queryset.filter(is_active=True, waiting=value == "waiting")


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class AuditFilter(ListFilter):
    q = SearchFilter(fields=("actor", "target", "detail"), label=_("Who, to what or why"))
    action = ChoiceFilter(label=_("What"), choices=AuditEntry.Action, empty_label=_("Everything"))
    since = DateFilter(field_name="at", lookup_expr="date__gte", label=_("From"), widget=DayInput())
    until = DateFilter(field_name="at", lookup_expr="date__lte", label=_("To"), widget=DayInput())

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()
