"""Deletes what is too much to delete while somebody waits: the parent goes at once, its rows in batches.

No page shows rows whose parent is gone, and no worker sends them. There is no foreign key in the database
that would have to be checked a million times: docs/decisions/2026-11-27-large-deletions.md.
"""

from collections.abc import Iterator

from django.db import connection
from django.db.models import Model

from mailer.models import Attempt, Client, Delivery
from mailer.sending.pruning import BATCH, delete_some
from people.models import User
from site_config import connections
from site_config.shutdown import STOPPING


def remove() -> int:
    """Delete the deliveries of deleted attempts, then the clients of deleted users; return how many rows.

    After a stop or a crash, the next call continues.
    """
    removed = 0
    for number in _deliveries():
        removed += number
        connections.release()
        if STOPPING.is_set():
            return removed
    for number in _clients():
        removed += number
        connections.release()
        if STOPPING.is_set():
            break
    return removed


def _deliveries() -> Iterator[int]:
    for attempt_id in _gone(Delivery, "attempt_id", Attempt):
        first: int | None = 0
        while first is not None:
            first, number = delete_some(attempt_id, first)
            yield number


def _clients() -> Iterator[int]:
    for owner_id in _gone(Client, "owner_id", User):
        last = 0
        while True:
            rows = Client.objects.filter(owner_id=owner_id, pk__gt=last).order_by("pk")
            ids = list(rows.values_list("pk", flat=True)[:BATCH])
            if not ids:
                break
            last = ids[-1]
            Client.objects.filter(pk__in=ids).delete()
            yield len(ids)


def _gone(model: type[Model], column: str, parent: type[Model]) -> list[int]:
    """The deleted parents that rows of a model still name: one index lookup for each."""
    table, parents = model._meta.db_table, parent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE named (id) AS (
                SELECT min({column}) FROM {table}
                UNION ALL
                SELECT (SELECT min({column}) FROM {table} WHERE {column} > named.id)
                FROM named WHERE named.id IS NOT NULL
            )
            SELECT id FROM named
            WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {parents} p WHERE p.id = named.id)
            """  # noqa: S608  (names of our own tables)
        )
        return [pk for (pk,) in cursor.fetchall()]
