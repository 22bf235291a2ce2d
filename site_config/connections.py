"""A consumer's database connections: a few, which its threads share."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType

from django.conf import settings
from django.db import DatabaseError, connection

MOST = 3  # per consumer process: docs/operations.md
LOCK_TIMEOUT = "1s"  # that a worker waits for a row
_BRIEF = MappingProxyType({"lock_timeout": LOCK_TIMEOUT})


def share() -> None:
    """Limit this process's connections; for SQLite there is nothing to limit."""
    if settings.DATABASES["default"]["ENGINE"] == "site_config.postgresql":
        from site_config.postgresql.base import share as share_at_most

        connection.close()
        share_at_most(MOST)


def release() -> None:
    """Leave this thread's connection to the others, if they share; not within a transaction."""
    if getattr(connection, "is_shared", False) and not connection.in_atomic_block:
        connection.close()


def make_vital() -> None:
    """Let this thread have a connection also while long work holds all others."""
    connection.vital = True  # type: ignore[attr-defined]  # site_config.postgresql


@contextmanager
def brief_locks() -> Iterator[None]:
    """Have this thread wait a second at most for a row that another session holds, on PostgreSQL."""
    before = getattr(connection, "wanted", None)
    if before is None:
        yield
        return
    use = connection.use  # type: ignore[attr-defined]  # site_config.postgresql
    use(_BRIEF)
    try:
        yield
    finally:
        try:
            use(before)
        except DatabaseError:  # the next one is set anew
            connection.close()
