from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_filters import ChoiceFilter, ModelChoiceFilter

from mailer.models import Client, ClientGroup, Suppression
from mailer.models.client import ClientQuerySet
from site_config.ui.filters import ListFilter, SearchFilter


def groups_of(request: HttpRequest | None) -> QuerySet[ClientGroup]:
    if request is None or not request.user.is_authenticated:
        return ClientGroup.objects.none()
    return ClientGroup.objects.owned_by(request.user)


class ClientSearch(SearchFilter):
    def __init__(self) -> None:
        super().__init__(fields=(), label=_("E-mail or name"))

    def filter(self, qs: Any, value: str) -> Any:
        return qs.search(value) if value else qs


class ClientFilter(ListFilter):
    q = ClientSearch()
    group = ModelChoiceFilter(
        field_name="groups", queryset=groups_of, label=_("Group"), empty_label=_("All groups")
    )
    suppressed = ChoiceFilter(
        method="by_suppression",
        label=_("Stop-list"),
        empty_label=_("All clients"),
        choices=[("no", _("Can be mailed")), ("yes", _("On the stop-list")), *Suppression.Reason.choices],
    )

    class Meta:
        model = Client
        fields: tuple[str, ...] = ()

    def by_suppression(self, queryset: ClientQuerySet, _name: str, value: Any) -> ClientQuerySet:
        if value == "no":
            return queryset.mailable()
        return queryset.stopped() if value == "yes" else queryset.stopped(value)


class MemberFilter(ListFilter):
    q = ClientSearch()

    class Meta:
        model = Client
        fields: tuple[str, ...] = ()


class GroupFilter(ListFilter):
    q = SearchFilter(fields=("name",), label=pgettext_lazy("of a group", "Name"))

    class Meta:
        model = ClientGroup
        fields: tuple[str, ...] = ()
