from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client as Browser

from content import cache as content_cache
from content import counting
from testing.articles import PERSON


@pytest.fixture(autouse=True)
def _clean(tmp_path, settings, monkeypatch) -> Iterator[None]:
    """An empty cache, no view counted, none written by a thread meanwhile, and no pictures."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(counting, "WRITE_AFTER_SECONDS", 3_600)
    counting._views.clear()
    cache.clear()
    content_cache._rests_until = 0.0
    yield
    cache.clear()


@pytest.fixture
def visitor():
    """A person's browser, not signed in."""
    return Browser(headers={"User-Agent": PERSON})


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """Run what waits for the commit at the end of the block."""
    return lambda: django_capture_on_commit_callbacks(execute=True)
