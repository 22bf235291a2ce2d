import django_tables2 as tables
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.models import Message
from mailer.tables.states import MAIN, NUMBER
from site_config.ui.tables import Action, ActionsColumn, RowTable, TimeColumn


class MessageTable(RowTable):
    subject = tables.Column(linkify=True, empty_values=(), attrs=MAIN)
    uses = tables.Column(verbose_name=_("Mailings"), attrs=NUMBER)
    updated_at = TimeColumn(verbose_name=_("Changed"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Edit"), url_name="message_edit", dialog=False),
        Action(name="delete", title=_("Delete"), url_name="message_delete", danger=True),
    )

    class Meta(RowTable.Meta):
        model = Message
        fields = ("subject", "uses", "updated_at", "actions")
        order_by = "-updated_at"
        empty_text = _("No messages found. A message is the subject and text that a mailing sends.")

    def render_subject(self, record: Message) -> str:
        return gettext("%(subject)s (draft)") % {"subject": record} if record.is_draft else str(record)
