"""How mail leaves: over our own SMTP conversation, or by whatever EMAIL_BACKEND is configured."""

from django.conf import settings

from mailer.sending.transport.backend import BackendTransport
from mailer.sending.transport.base import (
    Answer,
    ConfigurationRefused,
    MailRefused,
    ServerAway,
    Transport,
    Verdict,
)
from mailer.sending.transport.smtp import SmtpTransport

__all__ = [
    "Answer",
    "ConfigurationRefused",
    "MailRefused",
    "ServerAway",
    "Transport",
    "Verdict",
    "open_transport",
]

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def open_transport() -> Transport:
    """The transport the settings ask for; it connects when the first mail is sent."""
    return SmtpTransport() if settings.EMAIL_BACKEND == SMTP_BACKEND else BackendTransport()
