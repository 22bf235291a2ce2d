from collections.abc import Iterator

import pytest
from django.core.cache import cache

from people.accounts import mark_verified
from people.models import User


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    """The counts of tries are kept in the cache."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def verified(owner: User) -> User:
    mark_verified(owner)
    return owner
