"""Writes clients and stop-list entries in batches, each in one short transaction."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from mailer.audience.importing import sql
from mailer.audience.importing.rows import Row
from mailer.models import ClientGroup
from people.models import User

BATCH = 5_000  # rows per transaction
ANALYZE_EVERY = (
    100_000  # new rows after which statistics are updated, so that pages are not planned for the old size
)
_TRIES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What one batch changed."""

    created: int = 0
    changed: int = 0
    stopped: int = 0  # new on the stop-list


@dataclass(kw_only=True)
class Writer:
    """Writes for one owner. `known`: what happens to existing clients (skip, update, fill)."""

    owner: User
    group: ClientGroup | None = None
    known: str = "update"
    source: int | None = None  # the import that new clients come from
    _since_analyze: int = 0

    def write(self, batch: Mapping[str, Row], *, also: Callable[[Written], None]) -> Written:
        """Write a batch, by the key of each address; `also` runs in the same transaction.

        Raises IntegrityError if the group is gone.
        """
        for tries_left in range(_TRIES - 1, -1, -1):
            try:
                with transaction.atomic():
                    written = self._write(batch)
                    also(written)
                break
            except OperationalError:  # another import locked the same clients: one of the two tries again
                if not tries_left or connection.in_atomic_block:
                    raise
        self._analyze(written.created)
        return written

    def _write(self, batch: Mapping[str, Row]) -> Written:
        if self.group and not ClientGroup.objects.select_for_update().filter(pk=self.group.pk):
            raise IntegrityError("The group is gone.")
        rows = [_as_incoming(key, row) for key, row in batch.items()]
        values = {
            "owner": self.owner.pk,
            "group": self.group.pk if self.group else None,
            "source": self.source,
            "now": timezone.now(),
        }
        how = {"known": self.known, "attributes": any(row.attributes for row in batch.values())}
        write = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
        with connection.cursor() as cursor:
            created, changed = write(cursor, rows, values, how)
            if self.group:
                cursor.execute(sql.MEMBERS, values)
            stopped = 0
            if any(row.stop for row in batch.values()):
                now = "%(now)s::timestamptz" if connection.vendor == "postgresql" else "%(now)s"
                cursor.execute(sql.STOPS.format(now=now), values)
                stopped = cursor.rowcount
        return Written(created=created, changed=changed, stopped=stopped)

    def _analyze(self, created: int) -> None:
        self._since_analyze += created
        if self._since_analyze >= ANALYZE_EVERY and connection.vendor == "postgresql":
            self._since_analyze = 0
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE mailer_client")


def _as_incoming(key: str, row: Row) -> tuple[Any, ...]:
    """A row as the temporary table holds it."""
    reason, since = (row.stop.reason, row.stop.since) if row.stop else ("", None)
    client = row.client if row.stop else True
    attributes = json.dumps(row.attributes) if row.attributes else "{}"
    return key, row.email, row.full_name, row.comment, client, reason, since, attributes


def _on_postgresql(
    cursor: Any, rows: list[tuple[Any, ...]], values: dict[str, Any], how: dict[str, Any]
) -> tuple[int, int]:
    cursor.execute(sql.CREATE.format(moment="timestamptz", json="jsonb", on_commit="ON COMMIT DELETE ROWS"))
    cursor.execute(sql.EMPTY)
    with cursor.copy(sql.COPY) as copy:
        for row in rows:
            copy.write_row(row)
    # From the batch to each client by the index, whatever the planner believes about the table's size.
    cursor.execute("SET LOCAL enable_hashjoin = off")
    cursor.execute("SET LOCAL enable_mergejoin = off")
    cursor.execute(sql.clients_postgresql(**how), values)
    created, changed = cursor.fetchone()
    return created, changed


def _on_sqlite(
    cursor: Any, rows: list[tuple[Any, ...]], values: dict[str, Any], how: dict[str, Any]
) -> tuple[int, int]:
    cursor.execute(sql.CREATE.format(moment="text", json="text", on_commit=""))
    cursor.execute(sql.EMPTY)
    cursor.executemany(sql.INSERT_INCOMING, [(*row[:6], _as_stored(row[6]), row[7]) for row in rows])
    cursor.execute(sql.COUNT_KNOWN, values)
    (there,) = cursor.fetchone()
    cursor.execute(sql.clients_sqlite(**how), values)
    written = max(cursor.rowcount, 0)
    created = sum(row[4] for row in rows) - there
    return created, written - created


def _as_stored(moment: Any) -> str | None:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ") if moment else None
