from django.utils.translation import gettext_lazy as _
from django_filters import ChoiceFilter

from mailer.filters.owners import OversightFilter
from mailer.models import Mailing
from mailer.models.mailing import MailingQuerySet
from site_config.ui.filters import SearchFilter


class MailingFilter(OversightFilter):
    owner_in = "owner"
    q = SearchFilter(fields=("name", "message__subject"), label=_("Name or subject"))
    state = ChoiceFilter(
        method="by_state", label=_("Status"), empty_label=_("Any"), choices=Mailing.State.choices
    )
    period = ChoiceFilter(label=_("Repeat"), empty_label=_("Any"), choices=Mailing.Period.choices)

    class Meta:
        model = Mailing
        fields: tuple[str, ...] = ()

    def by_state(self, queryset: MailingQuerySet, _name: str, value: str) -> MailingQuerySet:
        return queryset.in_state(value)
