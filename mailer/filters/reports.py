from typing import Any

from django.forms import DateInput
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, ChoiceFilter, DateFilter

from mailer.filters.owners import OversightFilter
from mailer.models import Attempt, Delivery
from mailer.models.attempt import AttemptQuerySet
from mailer.models.delivery import DeliveryQuerySet
from site_config.ui.filters import ListFilter, SearchFilter, SearchInput


class AttemptFilter(OversightFilter):
    owner_in = "mailing__owner"
    q = SearchFilter(fields=("mailing__name", "subject"), label=_("Name or subject"))
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
    """For the deliveries of one attempt."""

    q = CharFilter(method="by_text", label=_("Email or name"), max_length=100, widget=SearchInput())
    status = ChoiceFilter(
        method="by_status", label=_("Status"), empty_label=_("Any"), choices=Delivery.Status.choices
    )
    possibly_twice = ChoiceFilter(
        label=_("Sent twice?"), empty_label=_("Any"), choices=[("True", _("possibly twice"))]
    )

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, attempt: Attempt, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attempt = attempt

    def by_text(self, queryset: DeliveryQuerySet, _name: str, value: str) -> DeliveryQuerySet:
        return queryset.search(value, attempt=self.attempt)

    def by_status(self, queryset: DeliveryQuerySet, _name: str, value: str) -> DeliveryQuerySet:
        if self.attempt.finished_at and value in Delivery.OPEN:
            return queryset.none()  # finding none would mean reading all of them
        return queryset.with_status(value)
