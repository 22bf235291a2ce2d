from mailer.models.archive import Archive
from mailer.models.attachment import Attachment
from mailer.models.attempt import Attempt, Lease
from mailer.models.attribute import Attribute
from mailer.models.bulk import BulkAction, BulkBatch
from mailer.models.client import Client, ClientGroup, Suppression
from mailer.models.client_import import ClientImport
from mailer.models.delivery import Delivery
from mailer.models.figures import DomainCount
from mailer.models.guard import BegunMails
from mailer.models.leaving import Forgotten, OptOut
from mailer.models.mailing import Mailing
from mailer.models.message import Format, Message
from mailer.models.sender import ReplyAddress, SenderDomain
from mailer.models.server import Consumer, HealthCheck, MailServer, RateLimit
from mailer.models.subscribing import Consent, SubscriptionForm, SubscriptionRequest
from mailer.models.writing import MessageCheck, MessageDraft, MessageTheme, MessageVersion, Picture

__all__ = [
    "Archive",
    "Attachment",
    "Attempt",
    "Attribute",
    "BegunMails",
    "BulkAction",
    "BulkBatch",
    "Client",
    "ClientGroup",
    "ClientImport",
    "Consent",
    "Consumer",
    "Delivery",
    "DomainCount",
    "Forgotten",
    "Format",
    "HealthCheck",
    "Lease",
    "MailServer",
    "Mailing",
    "Message",
    "MessageCheck",
    "MessageDraft",
    "MessageTheme",
    "MessageVersion",
    "OptOut",
    "Picture",
    "RateLimit",
    "ReplyAddress",
    "SenderDomain",
    "SubscriptionForm",
    "SubscriptionRequest",
    "Suppression",
]
