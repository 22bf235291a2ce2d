"""A consumer's database connections: a few, which its threads share."""

from django.conf import settings
from django.db import connection

MOST = 3  # per consumer process: docs/operations.md


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
