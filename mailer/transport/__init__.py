"""How mail leaves: over our own SMTP sessions, or by whatever EMAIL_BACKEND names."""

from collections.abc import Callable

from django.conf import settings

from mailer.transport.backend import BackendTransport
from mailer.transport.base import (
    CannotWrite,
    ConfigurationRefused,
    MailRefused,
    MailResult,
    OutgoingMessage,
    Result,
    ServerAway,
    Transport,
    Verdict,
    deliver,
)
from mailer.transport.pool import SmtpTransport
from mailer.transport.refusals import Refusal, RefusalClass

__all__ = [
    "CannotWrite",
    "ConfigurationRefused",
    "MailRefused",
    "MailResult",
    "OutgoingMessage",
    "Refusal",
    "RefusalClass",
    "Result",
    "ServerAway",
    "Transport",
    "Verdict",
    "deliver",
    "open_transport",
]

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def open_transport(*, may_begin: Callable[[], bool] = lambda: True, careful: bool = False) -> Transport:
    """The transport that the settings ask for; it connects when the first mail is sent.

    `may_begin` is asked before each mail. `careful`: the server failed lately, so begin with one mail.
    """
    if settings.EMAIL_BACKEND == SMTP_BACKEND:
        return SmtpTransport(may_begin=may_begin, careful=careful)
    return BackendTransport(may_begin=may_begin)
