from django.utils.translation import gettext_lazy as _
from django_filters import ChoiceFilter

from mailer.models import OptOut, Suppression
from site_config.ui.filters import ListFilter, SearchFilter


class StopFilter(ListFilter):
    q = SearchFilter(fields=("email",), label=_("Email"))
    reason = ChoiceFilter(label=_("Reason"), empty_label=_("All reasons"), choices=Suppression.Reason.choices)

    class Meta:
        model = Suppression
        fields: tuple[str, ...] = ()


class OptOutFilter(ListFilter):
    q = SearchFilter(fields=("email", "mailing__name", "group__name"), label=_("Email or mailing"))

    class Meta:
        model = OptOut
        fields: tuple[str, ...] = ()
