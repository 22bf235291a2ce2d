from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.management import call_command

from mailer.tests.factories import UserFactory
from people.accounts import mark_verified
from people.models import User


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    """The counts of tries are kept in the cache."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def roles(db: None) -> None:
    call_command("loaddata", "groups", verbosity=0)


@pytest.fixture
def manager(roles: None) -> User:
    user = UserFactory(email="manager@example.com", name="Mary Manager")
    user.groups.add(Group.objects.get(name="Manager"))
    return user


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("admin@example.com", "a-good-password-42", name="Ada Admin")


@pytest.fixture
def verified(owner: User) -> User:
    mark_verified(owner)
    return owner
