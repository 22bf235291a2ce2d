"""What the lists show: columns, badges and actions."""

from mailer.tables.clients import AttributeTable, ClientTable, GroupTable, MemberTable, RuleMemberTable
from mailer.tables.mailings import MailingTable, OversightTable
from mailer.tables.messages import MessageTable
from mailer.tables.reports import (
    AttemptTable,
    DeliveryTable,
    OversightReportTable,
    OwnDeliveryTable,
    ReportTable,
)
from mailer.tables.stop_list import OptOutTable, StopTable
from mailer.tables.subscribing import SubscriptionFormTable

__all__ = [
    "AttemptTable",
    "AttributeTable",
    "ClientTable",
    "DeliveryTable",
    "GroupTable",
    "MailingTable",
    "MemberTable",
    "MessageTable",
    "OptOutTable",
    "OversightReportTable",
    "OversightTable",
    "OwnDeliveryTable",
    "ReportTable",
    "RuleMemberTable",
    "StopTable",
    "SubscriptionFormTable",
]
