import django_tables2 as tables
from django.utils.translation import gettext_lazy as _

from mailer.models import SubscriptionForm
from mailer.tables.states import MAIN
from site_config.ui.tables import Action, ActionsColumn, RowTable, TimeColumn


class SubscriptionFormTable(RowTable):
    name = tables.Column(linkify=("subscription_form_detail", [tables.A("pk")]), attrs=MAIN)
    is_open = tables.BooleanColumn(yesno=(_("yes"), _("no")), orderable=False)
    created_at = TimeColumn(verbose_name=_("Added"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Edit"), url_name="subscription_form_edit", dialog=False),
        Action(name="delete", title=_("Delete"), url_name="subscription_form_delete", danger=True),
    )

    class Meta(RowTable.Meta):
        model = SubscriptionForm
        fields = ("name", "is_open", "created_at", "actions")
        order_by = "name"
        empty_text = _("No sign-up forms yet. With one, people put themselves on your lists.")
