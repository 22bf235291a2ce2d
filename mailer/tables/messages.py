from typing import Any

import django_tables2 as tables
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.models import Message
from mailer.tables.states import MAIN
from site_config.ui.bulk import SelectColumn
from site_config.ui.tables import Action, ActionsColumn, NumberColumn, RowTable, TimeColumn


def is_current(message: Message, _user: Any) -> bool:
    return message.archived_at is None


def is_archived(message: Message, _user: Any) -> bool:
    return message.archived_at is not None


class MessageTable(RowTable):
    list_name = "messages"
    select = SelectColumn()
    subject = tables.Column(linkify=True, empty_values=(), attrs=MAIN)
    uses = NumberColumn(verbose_name=_("Mailings"))
    updated_at = TimeColumn(verbose_name=_("Changed"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Edit"), url_name="message_edit", dialog=False),
        Action(name="copy", title=_("Copy"), url_name="message_copy", post=True),
        Action(name="archive", title=_("Archive"), url_name="message_archive", post=True, shown=is_current),
        Action(
            name="unarchive",
            title=_("Restore"),
            url_name="message_unarchive",
            post=True,
            shown=is_archived,
        ),
        Action(name="delete", title=_("Delete"), url_name="message_delete", danger=True),
    )

    class Meta(RowTable.Meta):
        model = Message
        fields = ("select", "subject", "uses", "updated_at", "actions")
        order_by = "-updated_at"
        empty_text = _("No messages found. A message is the subject and text that a mailing sends.")

    def render_subject(self, record: Message) -> str:
        if record.archived_at:
            return gettext("%(subject)s (archived)") % {"subject": record}
        return gettext("%(subject)s (draft)") % {"subject": record} if record.is_draft else str(record)
