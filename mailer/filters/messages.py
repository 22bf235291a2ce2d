from django.utils.translation import gettext_lazy as _

from mailer.models import Message
from site_config.ui.filters import ListFilter, SearchFilter


class MessageFilter(ListFilter):
    q = SearchFilter(fields=("subject", "body"), label=_("Subject or text"))

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()
