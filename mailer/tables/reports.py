from typing import Any

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from mailer.models import Attempt, Delivery
from mailer.reporting.answers import meaning_of
from mailer.tables.states import ATTEMPT_KINDS, DELIVERY_KINDS, MAIN, StateColumn
from mailer.transport.answers import is_refusal
from people.tables import OwnerColumn
from site_config.ui.tables import BadgeColumn, NumberColumn, RowTable, TimeColumn, badge


class AnswersColumn(tables.TemplateColumn):
    """The server's most frequent answer, with addresses only for those who may see them."""

    def __init__(self) -> None:
        super().__init__(
            template_name="reports/answers.html", verbose_name=_("Server's answer"), orderable=False
        )


class AttemptTable(RowTable):
    """The runs of one mailing."""

    scheduled_for = TimeColumn(linkify=("attempt_detail", [tables.A("pk")]), attrs=MAIN)
    state = StateColumn(ATTEMPT_KINDS, Attempt.State)
    total = NumberColumn()
    sent = NumberColumn()
    failed = NumberColumn()
    skipped = NumberColumn()
    expired = NumberColumn()
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

    list_name = "reports"
    mailing = tables.Column(
        linkify=("attempt_detail", [tables.A("pk")]), order_by=("mailing__name",), attrs=MAIN
    )
    scheduled_for = TimeColumn(attrs={}, linkify=False)

    class Meta(AttemptTable.Meta):
        sequence: tuple[str, ...] = ("mailing", "...")
        fields: tuple[str, ...] = ("mailing", *AttemptTable.Meta.fields)
        empty_text = _("No runs found. Here is what became of every mailing, run by run.")


class OversightReportTable(ReportTable):
    """The runs of all users' mailings."""

    owner = OwnerColumn("mailing__owner")

    class Meta(ReportTable.Meta):
        sequence = ("mailing", "owner", "...")


class DeliveryTable(RowTable):
    """What became of each mail of one attempt."""

    # Only in the order of sending: an index for another order would be written with each mail.
    email = tables.Column(attrs=MAIN, orderable=False)
    full_name = tables.Column(default="", orderable=False)
    status = BadgeColumn(DELIVERY_KINDS, orderable=False)
    tries = NumberColumn(orderable=False)
    means = tables.Column(
        accessor="answer_text", verbose_name=_("What it means"), orderable=False, default="", empty_values=()
    )
    answer_text = tables.Column(verbose_name=_("Server's answer"), orderable=False, default="")
    finished_at = TimeColumn(default="", orderable=False)

    class Meta(RowTable.Meta):
        model = Delivery
        fields = ("email", "full_name", "status", "tries", "means", "answer_text", "finished_at")
        empty_text = _("No recipients found.")

    def render_means(self, record: Delivery) -> str:
        return meaning_of(record.response)[0] if is_refusal(record.response) else ""

    def render_email(self, record: Delivery) -> Any:
        if not record.possibly_twice:
            return record.email
        return format_html("{} {}", record.email, badge("warn", _("possibly twice")))


class OwnDeliveryTable(DeliveryTable):
    """For the owner, who may read each mail."""

    email = tables.Column(
        attrs=MAIN, orderable=False, linkify=("receipt", [tables.A("attempt_id"), tables.A("pk")])
    )
