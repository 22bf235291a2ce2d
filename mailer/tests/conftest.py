"""Fixtures of the tests of sending."""

import pytest

from mailer.transport import trust
from testing.rough_server import RoughServer


@pytest.fixture
def rough(settings):
    """A server on loopback that the settings point to; its `answer` and `offers` may be changed."""
    with RoughServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.MAIL_CONNECTIONS = 4
        settings.MAIL_TIMEOUT = 3
        trust.forget()
        yield server
