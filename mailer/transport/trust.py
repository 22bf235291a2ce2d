"""The extensions that a mail server offers but does not support properly; remembered for a while."""

import logging
from collections.abc import Collection
from threading import Lock
from time import monotonic

log = logging.getLogger(__name__)

REMEMBERED_SECONDS = 3600
Server = tuple[str, int]
_lock = Lock()
_until: dict[tuple[Server, str], float] = {}


def distrust(server: Server, extensions: Collection[str]) -> None:
    """Do without these extensions on this server's next connections."""
    with _lock:
        for name in extensions:
            if (server, name) not in _until:
                log.warning(
                    "%s:%s offers %s and does not keep to it; it is not used for an hour", *server, name
                )
            _until[server, name] = monotonic() + REMEMBERED_SECONDS


def distrusted(server: Server) -> frozenset[str]:
    """The extensions that are not used with this server now."""
    now = monotonic()
    with _lock:
        for key in [key for key, until in _until.items() if until <= now]:
            del _until[key]
        return frozenset(name for known, name in _until if known == server)


def known() -> list[tuple[Server, str, float]]:
    """All extensions not used now: server, extension, seconds left."""
    now = monotonic()
    with _lock:
        return [(server, name, until - now) for (server, name), until in _until.items() if until > now]


def forget() -> None:
    """Trust every server again."""
    with _lock:
        _until.clear()
