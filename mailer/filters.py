from typing import Any, ClassVar

from django.db.models import QuerySet
from django.forms import DateInput
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_filters import ChoiceFilter, DateFilter, ModelChoiceFilter

from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, Message
from mailer.models.attempt import AttemptQuerySet
from mailer.models.client import ClientQuerySet
from mailer.models.delivery import DeliveryQuerySet
from mailer.models.mailing import MailingQuerySet
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
        choices=[("no", _("Can be mailed")), ("yes", _("Suppressed"))],
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


class MessageFilter(ListFilter):
    q = SearchFilter(fields=("subject", "body"), label=_("Subject or text"))

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()


class OversightFilter(ListFilter):
    """A filter by owner too, for who sees more than their own."""

    owner_in: ClassVar[str]  # the path to the owner

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_authenticated and self.request.user.oversees:
            fields = [f"{self.owner_in}__{name}" for name in ("email", "name", "company")]
            self.filters["owner"] = owner = SearchFilter(fields=fields, label=_("Owner"))
            owner.parent = self


class MailingFilter(OversightFilter):
    owner_in = "owner"
    q = SearchFilter(fields=("message__subject",), label=_("Message"))
    state = ChoiceFilter(
        method="by_state", label=_("Status"), empty_label=_("Any"), choices=Mailing.State.choices
    )
    period = ChoiceFilter(label=_("Repeat"), empty_label=_("Any"), choices=Mailing.Period.choices)

    class Meta:
        model = Mailing
        fields: tuple[str, ...] = ()

    def by_state(self, queryset: MailingQuerySet, _name: str, value: str) -> MailingQuerySet:
        return queryset.in_state(value)


class AttemptFilter(OversightFilter):
    owner_in = "mailing__owner"
    q = SearchFilter(fields=("subject",), label=_("Subject"))
    state = ChoiceFilter(
        method="by_state", label=_("Status"), empty_label=_("Any"), choices=Attempt.State.choices
    )
    since = DateFilter(
        field_name="scheduled_for",
        lookup_expr="date__gte",
        label=_("From"),
        widget=DateInput(attrs={"type": "date"}),
    )
    until = DateFilter(
        field_name="scheduled_for",
        lookup_expr="date__lte",
        label=_("To"),
        widget=DateInput(attrs={"type": "date"}),
    )

    class Meta:
        model = Attempt
        fields: tuple[str, ...] = ()

    def by_state(self, queryset: AttemptQuerySet, _name: str, value: str) -> AttemptQuerySet:
        return queryset.in_state(value)


class DeliveryFilter(ListFilter):
    q = SearchFilter(fields=("email", "full_name"), label=_("E-mail or name"))
    status = ChoiceFilter(
        method="by_status", label=_("Status"), empty_label=_("Any"), choices=Delivery.Status.choices
    )
    possibly_twice = ChoiceFilter(
        label=_("Certainty"), empty_label=_("Any"), choices=[("True", _("possibly twice"))]
    )

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = ()

    def by_status(self, queryset: DeliveryQuerySet, _name: str, value: str) -> DeliveryQuerySet:
        return queryset.with_status(value)
