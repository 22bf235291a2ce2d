"""The cache as the public pages use it: it may be slow, empty or away, and the page still works."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast
from uuid import uuid4

from django.core.cache import cache

log = logging.getLogger(__name__)

VERSION = 1  # raise this when the shape of what is stored changes
REST_SECONDS = 5  # a failing cache is left alone, so that not every page waits for its timeout
STALE_FACTOR = 10
LOCK_SECONDS = 30
WAIT_SECONDS = 1  # for what another caller is making for the first time
GENERATION = f"content:{VERSION}:generation"
T = TypeVar("T")
_rests_until = 0.0


def remember(name: str, make: Callable[[], T], *, seconds: float) -> T:
    """What `make` returned at most `seconds` ago.

    When it has expired, one caller makes it anew, and the others get the old value meanwhile. If there is no
    old value, they wait for that caller; after a second they make it themselves.
    """
    key = f"content:{VERSION}:{name}"
    kept = _safely(cache.get, key)
    if kept is not None and time.time() < kept[0]:
        return cast("T", kept[1])
    mine = _safely(cache.add, f"{key}:lock", 1, LOCK_SECONDS)
    if not mine:
        kept = kept or _awaited(key)
        if kept is not None:
            return cast("T", kept[1])
    try:
        if mine:  # the previous holder of the lock may have made it since
            kept = _safely(cache.get, key)
            if kept is not None and time.time() < kept[0]:
                return cast("T", kept[1])
        made = make()  # its exceptions are not kept
        _safely(cache.set, key, (time.time() + seconds, made), seconds * STALE_FACTOR)
    finally:
        if mine:
            _safely(cache.delete, f"{key}:lock")
    return made


def _awaited(key: str) -> Any:
    """What another caller is making, or None if that takes too long or the cache is away."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until and time.monotonic() >= _rests_until:
        time.sleep(WAIT_SECONDS / 20)
        kept = _safely(cache.get, key)
        if kept is not None:
            return kept
    return None


def remember_articles(name: str, make: Callable[[], T], *, seconds: float) -> T:
    """The same for what is made of articles: `forget_articles` invalidates all of it."""
    generation = _safely(cache.get, GENERATION)
    if generation is None:
        generation = uuid4().hex
        _safely(cache.set, GENERATION, generation, None)
    return remember(f"{generation}:{name}", make, seconds=seconds)


def forget_articles() -> None:
    """Make every page read the articles anew. Safe to call at any time."""
    global _rests_until  # noqa: PLW0603  (one cache for the process)
    _rests_until = 0.0  # worth trying even if the cache has just failed
    _safely(cache.set, GENERATION, uuid4().hex, None)


def _safely(call: Callable[..., Any], *args: Any) -> Any:
    global _rests_until  # noqa: PLW0603  (one cache for the process)
    if time.monotonic() < _rests_until:
        return None
    try:
        return call(*args)
    except Exception:  # whatever the backend raises, a public page must be shown
        _rests_until = time.monotonic() + REST_SECONDS
        log.warning(
            "The cache failed; pages are made without it for %s seconds.", REST_SECONDS, exc_info=True
        )
        return None
