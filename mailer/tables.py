from typing import Any

import django_tables2 as tables
from django.template.loader import render_to_string
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from mailer.audience import sizes_of
from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, Message, Suppression
from people.tables import OwnerColumn
from site_config.ui.tables import Action, ActionsColumn, BadgeColumn, RowTable, TimeColumn, badge

MAIN: dict[str, Any] = {"td": {"class": "main-cell"}}
NUMBER: dict[str, Any] = {"td": {"class": "number"}, "th": {"class": "number"}}
MAILING_KINDS = {"running": "ok", "paused": "warn", "disabled": "bad"}
ATTEMPT_KINDS = {"running": "live", "waiting": "warn", "held": "bad", "succeeded": "ok", "failed": "bad"}
DELIVERY_KINDS = {"sending": "live", "sent": "ok", "failed": "bad", "skipped": "warn", "expired": "warn"}


class SuppressionColumn(BadgeColumn):
    """Why a client is not mailed; empty if nothing is against it."""

    def __init__(self) -> None:
        kinds = {"unsubscribed": "warn", "bounced": "bad", "complained": "bad"}
        super().__init__(kinds, verbose_name=_("Stop-list"))

    def text(self, raw: str, value: Any) -> str | Promise:  # noqa: ARG002
        return Suppression.Reason(raw).label


class MemberTable(RowTable):
    """The clients of one group."""

    email = tables.Column(attrs=MAIN)
    full_name = tables.Column(order_by=("full_name", "email"), default="")
    suppressed = SuppressionColumn()
    actions = tables.TemplateColumn(
        template_name="groups/remove.html", verbose_name=_("Actions"), orderable=False
    )

    class Meta(RowTable.Meta):
        model = Client
        fields = ("email", "full_name", "suppressed", "actions")
        order_by = "full_name"
        empty_text = _("No client here. Add some from the list of clients.")


class ClientTable(RowTable):
    email = tables.Column(attrs=MAIN)
    full_name = tables.Column(order_by=("full_name", "email"), default="")
    groups = tables.Column(verbose_name=_("Groups"), orderable=False, empty_values=())
    suppressed = SuppressionColumn()
    created_at = TimeColumn(verbose_name=_("Added"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Edit"), url_name="client_edit", icon="pencil-square"),
        Action(name="delete", title=_("Delete"), url_name="client_delete", icon="trash"),
    )

    class Meta(RowTable.Meta):
        model = Client
        fields = ("email", "full_name", "groups", "suppressed", "created_at", "actions")
        order_by = "full_name"
        empty_text = _("No client found. Clients are the people who receive your mail.")

    def render_groups(self, record: Client) -> str:
        groups = record.groups.all()
        return render_to_string("clients/groups.html", {"groups": groups}) if groups else ""


class GroupTable(RowTable):
    name = tables.Column(linkify=("group_detail", [tables.A("pk")]), attrs=MAIN)
    size = tables.Column(verbose_name=_("Clients"), attrs=NUMBER)
    created_at = TimeColumn(verbose_name=_("Created"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Rename"), url_name="group_edit", icon="pencil-square"),
        Action(name="delete", title=_("Delete"), url_name="group_delete", icon="trash"),
    )

    class Meta(RowTable.Meta):
        model = ClientGroup
        fields = ("name", "size", "created_at", "actions")
        order_by = "name"
        empty_text = _("No group found. A mailing to a group includes who joins it later.")


class MessageTable(RowTable):
    subject = tables.Column(linkify=("message_preview", [tables.A("pk")]), attrs=MAIN)
    uses = tables.Column(verbose_name=_("Mailings"), attrs=NUMBER)
    updated_at = TimeColumn(verbose_name=_("Changed"))
    actions = ActionsColumn(
        Action(name="edit", title=_("Edit"), url_name="message_edit", icon="pencil-square", dialog=False),
        Action(name="delete", title=_("Delete"), url_name="message_delete", icon="trash"),
    )

    class Meta(RowTable.Meta):
        model = Message
        fields = ("subject", "uses", "updated_at", "actions")
        order_by = "-updated_at"
        empty_text = _("No message found. A message is the subject and text that a mailing sends.")


class StateColumn(BadgeColumn):
    """What a person is shown of a mailing or an attempt: its `state`."""

    def __init__(self, kinds: dict[str, str], states: Any) -> None:
        super().__init__(kinds, accessor="state", verbose_name=_("Status"), order_by=("status",))
        self.states = states

    def text(self, raw: str, value: Any) -> str | Promise:  # noqa: ARG002
        return str(self.states(raw).label)


class MailingTable(RowTable):
    message = tables.Column(
        linkify=("mailing_detail", [tables.A("pk")]), order_by=("message__subject",), attrs=MAIN
    )
    state = StateColumn(MAILING_KINDS, Mailing.State)
    period = tables.Column()
    starts_at = TimeColumn()
    next_run_at = TimeColumn(default="")
    last_run = tables.Column(verbose_name=_("Last run"), orderable=False, default="")
    actions = tables.TemplateColumn(
        template_name="mailings/row_actions.html", verbose_name=_("Actions"), orderable=False
    )

    class Meta(RowTable.Meta):
        model = Mailing
        fields = ("message", "state", "period", "starts_at", "next_run_at", "last_run", "actions")
        order_by = "-starts_at"
        empty_text = _("No mailing found. A mailing sends one message to many clients, once or regularly.")

    def render_last_run(self, value: Attempt) -> str:
        kind = ATTEMPT_KINDS[value.state]
        if value.finished_at:
            return badge(kind, _("%(sent)s of %(total)s sent") % {"sent": value.sent, "total": value.total})
        return badge(kind, _("%(done)s of %(total)s") % {"done": value.done, "total": value.total})


class OversightTable(MailingTable):
    """The mailings of all users, for who looks after them."""

    owner = OwnerColumn("owner")
    runs = tables.Column(verbose_name=_("Runs"), attrs=NUMBER)
    recipients = tables.Column(
        accessor="pk", verbose_name=_("Recipients"), attrs=NUMBER, orderable=False, empty_values=()
    )
    actions = tables.TemplateColumn(
        template_name="mailings/oversight_actions.html", verbose_name=_("Actions"), orderable=False
    )

    class Meta(MailingTable.Meta):
        exclude = ("period",)
        sequence = ("message", "owner", "state", "recipients", "runs", "...", "actions")

    @cached_property
    def sizes(self) -> dict[int, int]:
        """How many those of this page would reach that have not run yet; the others' last runs say it."""
        rows = [row.record for row in self.paginated_rows]
        return sizes_of([mailing.pk for mailing in rows if not mailing.last_run])

    def render_recipients(self, record: Mailing) -> int:
        return record.last_run.total if record.last_run else self.sizes.get(record.pk, 0)


class AnswersColumn(tables.TemplateColumn):
    """The server's most frequent answer; masked, it says nobody's address."""

    def __init__(self, *, masked: bool = False) -> None:
        super().__init__(
            template_name="reports/answers.html", verbose_name=_("Server's answer"), orderable=False
        )
        self.masked = masked

    def render(self, record: Attempt, **kwargs: Any) -> Any:
        record.masked = self.masked
        return super().render(record=record, **kwargs)


class AttemptTable(RowTable):
    """The runs of one mailing."""

    scheduled_for = TimeColumn(linkify=("attempt_detail", [tables.A("pk")]), attrs=MAIN)
    state = StateColumn(ATTEMPT_KINDS, Attempt.State)
    total = tables.Column(attrs=NUMBER)
    sent = tables.Column(attrs=NUMBER)
    failed = tables.Column(attrs=NUMBER)
    skipped = tables.Column(attrs=NUMBER)
    expired = tables.Column(attrs=NUMBER)
    answers = AnswersColumn()

    class Meta(RowTable.Meta):
        model = Attempt
        fields: tuple[str, ...] = (
            "scheduled_for",
            "state",
            "total",
            "sent",
            "failed",
            "skipped",
            "expired",
            "answers",
        )
        order_by = "-scheduled_for"
        empty_text = _("It has not run yet.")


class ReportTable(AttemptTable):
    """The runs of all mailings."""

    subject = tables.Column(linkify=("attempt_detail", [tables.A("pk")]), attrs=MAIN)
    scheduled_for = TimeColumn(attrs={}, linkify=False)

    class Meta(AttemptTable.Meta):
        sequence: tuple[str, ...] = ("subject", "...")
        fields: tuple[str, ...] = ("subject", *AttemptTable.Meta.fields)
        empty_text = _("No run found. Here is what became of every mailing, run by run.")


class MaskedAttemptTable(AttemptTable):
    """The runs of another's mailing."""

    answers = AnswersColumn(masked=True)


class OversightReportTable(ReportTable):
    """The runs of all users' mailings."""

    owner = OwnerColumn("mailing__owner")
    answers = AnswersColumn(masked=True)

    class Meta(ReportTable.Meta):
        sequence = ("subject", "owner", "...")


class DeliveryTable(RowTable):
    """What became of each mail of one attempt."""

    email = tables.Column(attrs=MAIN)
    full_name = tables.Column(default="", orderable=False)
    status = BadgeColumn(DELIVERY_KINDS)
    tries = tables.Column(attrs=NUMBER, orderable=False)
    said = tables.Column(verbose_name=_("Server's answer"), orderable=False, default="")
    finished_at = TimeColumn(default="", orderable=False)

    class Meta(RowTable.Meta):
        model = Delivery
        fields = ("email", "full_name", "status", "tries", "said", "finished_at")
        empty_text = _("No recipient found.")

    def render_email(self, record: Delivery) -> Any:
        if not record.possibly_twice:
            return record.email
        return format_html("{} {}", record.email, badge("warn", _("possibly twice")))
