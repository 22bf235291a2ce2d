from django.utils.translation import gettext_lazy as _

from mailer.models import SubscriptionForm
from site_config.ui.filters import ListFilter, SearchFilter


class SubscriptionFormFilter(ListFilter):
    q = SearchFilter(fields=("name", "title"), label=_("Name"))

    class Meta:
        model = SubscriptionForm
        fields: tuple[str, ...] = ()
