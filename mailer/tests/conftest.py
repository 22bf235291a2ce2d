"""Fixtures of the tests of mailings."""

import pytest

from mailer.transport import kept, trust
from testing.factories import ClientFactory, MessageFactory
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


@pytest.fixture
def serve(settings):
    """Start a server as described and point the settings to it."""
    servers = []

    def start(**how):
        server = RoughServer(**how).__enter__()
        servers.append(server)
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.MAIL_CONNECTIONS = 1
        settings.MAIL_TIMEOUT = 5
        kept.connections.close_all()
        trust.forget()
        settings.DEFAULT_FROM_EMAIL = "Us <us@example.com>"
        return server

    yield start
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture
def message(owner):
    return MessageFactory(owner=owner, subject="Spring")


@pytest.fixture
def anna(owner):
    return ClientFactory(owner=owner, email="anna@example.org", full_name="Anna")


@pytest.fixture
def queue(django_capture_on_commit_callbacks):
    """What is queued by a commit is run at the end of the block, if it says `execute=True`."""
    return django_capture_on_commit_callbacks
