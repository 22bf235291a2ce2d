"""Fixtures for the whole suite."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test import TransactionTestCase, override_settings
from huey.contrib.djhuey import HUEY

from mailer.sending import database
from people.audit import opened
from people.models import User
from site_config.shutdown import STOPPING
from testing.factories import UserFactory
from testing.flush import empty
from testing.smtp_server import SmtpServer


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests without a database are run once, whatever the services, unless marked `everywhere`."""
    everywhere = ("django_db", "everywhere", "services")
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if not fixtures & {"db", "transactional_db"} and not any(map(item.get_closest_marker, everywhere)):
            item.add_marker(pytest.mark.once)


@pytest.fixture
def owner(db: None) -> User:
    return UserFactory(email="owner@example.com", name="Olga Owner")


@pytest.fixture
def stranger(db: None) -> User:
    return UserFactory(email="stranger@example.com")


@pytest.fixture
def roles(db: None) -> None:
    call_command("loaddata", "groups", verbosity=0)
    _forget_preparations()


@pytest.fixture
def manager(roles: None) -> User:
    user = UserFactory(email="manager@example.com", name="Mary Manager")
    user.groups.add(Group.objects.get(name="Manager"))
    _forget_preparations()
    return user


@pytest.fixture
def superuser(db: None) -> User:
    user = User.objects.create_superuser("admin@example.com", "a-good-password-42", name="Ada Admin")
    _forget_preparations()
    return user


def _forget_preparations() -> None:
    """What a test sets up must not count as what it looks for in the audit trail."""
    with opened(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM people_auditentry WHERE actor LIKE %s", ["% (manage.py)"])


@pytest.fixture
def client_of():
    """A browser in which this user is signed in."""

    def sign_in(user: User) -> Browser:
        browser = Browser()
        browser.force_login(user)
        return browser

    return sign_in


@pytest.fixture
def browser(owner: User, client_of) -> Browser:
    """A browser in which the owner is signed in."""
    return client_of(owner)


@pytest.fixture(autouse=True, scope="session")
def _light_settings() -> Iterator[None]:
    """Static files keep their names, since none were collected; passwords are hashed fast."""
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(STORAGES=storages, WHITENOISE_AUTOREFRESH=True, PASSWORD_HASHERS=hashers):
        yield


@pytest.fixture(autouse=True, scope="session")
def _emptied_after_each_test() -> Iterator[None]:
    """Flush what a test with its own transactions leaves, the audit trail too, which nobody else may.

    Django has no public hook for another way of emptying.
    """
    case_class: Any = TransactionTestCase
    teardown = case_class._fixture_teardown

    def flush(_case: TransactionTestCase) -> None:
        with opened():
            empty()

    case_class._fixture_teardown = flush
    yield
    case_class._fixture_teardown = teardown


@pytest.fixture(autouse=True)
def _fresh_queue() -> Iterator[None]:
    """Tasks run where they are enqueued, in each test's own queue."""
    HUEY.immediate = True
    HUEY.flush()
    STOPPING.clear()
    yield
    STOPPING.clear()


@pytest.fixture(autouse=True)
def _database_never_away() -> None:
    """What another test has made of it is forgotten."""
    database.forget()


@pytest.fixture
def smtp(settings) -> Iterator[SmtpServer]:
    """A real SMTP server on loopback that the settings point to."""
    with SmtpServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.MAIL_CONNECTIONS = 1  # in order
        yield server
