import django_tables2 as tables
from django.utils.translation import gettext_lazy as _

from mailer.models import OptOut, Suppression
from site_config.ui.tables import Action, ActionsColumn, BadgeColumn, RowTable, TimeColumn

REASON_KINDS = {
    "unsubscribed": "warn",
    "bounced": "bad",
    "complained": "bad",
    "added": "idle",
    "paused": "idle",
}


class StopTable(RowTable):
    email = tables.Column(order_by=("address_key",), attrs={"td": {"class": "main-cell"}})
    reason = BadgeColumn(REASON_KINDS)
    created_at = TimeColumn(verbose_name=_("Since"))
    actions = ActionsColumn(
        Action(name="lift", title=_("Take off the stop-list"), url_name="stop_lift"),
    )

    class Meta(RowTable.Meta):
        model = Suppression
        fields = ("email", "reason", "created_at", "actions")
        order_by = "-created_at"
        empty_text = _("No addresses found. Anyone who unsubscribes is added here automatically.")


class OptOutTable(RowTable):
    email = tables.Column(order_by=("address_key",), attrs={"td": {"class": "main-cell"}})
    what = tables.Column(verbose_name=_("Left"), accessor="mailing", empty_values=(), orderable=False)
    created_at = TimeColumn(verbose_name=_("Since"))
    actions = ActionsColumn(
        Action(name="lift", title=_("Resume"), url_name="optout_lift"),
    )

    class Meta(RowTable.Meta):
        model = OptOut
        fields = ("email", "what", "created_at", "actions")
        order_by = "-created_at"
        empty_text = _("Nobody has left a single mailing or topic.")

    def render_what(self, record: OptOut) -> str:
        return str(record.mailing or record.group)
