from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_filters import ChoiceFilter, ModelChoiceFilter

from mailer.models import Client, ClientGroup
from mailer.models.client import ClientQuerySet
from site_config.ui.filters import ListFilter, SearchFilter


def groups_of(request: HttpRequest | None) -> QuerySet[ClientGroup]:
    if request is None or not request.user.is_authenticated:
        return ClientGroup.objects.none()
    return ClientGroup.objects.owned_by(request.user)


class ClientFilter(ListFilter):
    q = SearchFilter(fields=("email", "full_name"), label=_("E-mail or name"))
    group = ModelChoiceFilter(
        field_name="groups", queryset=groups_of, label=_("Group"), empty_label=_("All groups")
    )
    suppressed = ChoiceFilter(
        method="by_suppression",
        label=_("Stop-list"),
        empty_label=_("All clients"),
        choices=[("no", _("Can be mailed")), ("yes", _("On the stop-list"))],
    )

    class Meta:
        model = Client
        fields: tuple[str, ...] = ()

    def by_suppression(self, queryset: ClientQuerySet, _name: str, value: Any) -> ClientQuerySet:
        return queryset.with_suppression().filter(
            suppressed__isnull=value == "no"  # type: ignore[misc]  # annotations are not seen
        )


class MemberFilter(ListFilter):
    q = SearchFilter(fields=("email", "full_name"), label=_("E-mail or name"))

    class Meta:
        model = Client
        fields: tuple[str, ...] = ()


class GroupFilter(ListFilter):
    q = SearchFilter(fields=("name",), label=pgettext_lazy("of a group", "Name"))

    class Meta:
        model = ClientGroup
        fields: tuple[str, ...] = ()
