"""What the lists of mailings can be filtered by."""

from mailer.filters.clients import AttributeNameFilter, ClientFilter, GroupFilter, MemberFilter
from mailer.filters.mailings import MailingFilter
from mailer.filters.messages import MessageFilter
from mailer.filters.reports import AttemptFilter, DeliveryFilter
from mailer.filters.stop_list import OptOutFilter, StopFilter
from mailer.filters.subscribing import SubscriptionFormFilter

__all__ = [
    "AttemptFilter",
    "AttributeNameFilter",
    "ClientFilter",
    "DeliveryFilter",
    "GroupFilter",
    "MailingFilter",
    "MemberFilter",
    "MessageFilter",
    "OptOutFilter",
    "StopFilter",
    "SubscriptionFormFilter",
]
