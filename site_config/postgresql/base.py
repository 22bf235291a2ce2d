"""Django's PostgreSQL backend for a process with many threads, which may share a few connections.

A thread that is done returns its connection to the others by closing it. The server settings it asked for
(`use`) are applied to whichever connection it gets next.
"""

from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db.backends.postgresql import base

from site_config.postgresql.shared import SharedConnections, answers

Values = Mapping[str, str]
CONNECT_SECONDS = 5
_shared: SharedConnections | None = None
_set_to: WeakKeyDictionary[psycopg.Connection, Values] = WeakKeyDictionary()


def share(most: int) -> None:
    """Limit how many connections the threads of this process have together."""
    global _shared  # noqa: PLW0603  # one for the process
    _shared = SharedConnections(most)


class DatabaseWrapper(base.DatabaseWrapper):
    """One for each thread."""

    wanted: Values = MappingProxyType({})  # see `use`
    vital = False  # whether this thread may have the last connection of its process
    _owner: SharedConnections | None = None  # of the connection that this thread has

    @property
    def is_shared(self) -> bool:
        return self._owner is not None

    def use(self, values: Values) -> None:
        """Apply these settings to this thread's connection, now and to those it gets later."""
        if values is self.wanted:
            return
        self.wanted = values
        if self.connection is not None:
            with self.wrap_database_errors:
                self._set(self.connection)

    def get_connection_params(self) -> dict[str, Any]:
        return {"connect_timeout": CONNECT_SECONDS, **super().get_connection_params()}

    def connect(self) -> None:
        super().connect()
        if self.is_shared:
            self.close_at = monotonic()  # at the end of a task

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection:
        def connect() -> psycopg.Connection:
            return self._new(conn_params)

        if _shared is None:
            return connect()
        connection = _shared.take(connect, fits=self._fits, vital=self.vital)
        self._owner = _shared
        return connection

    def init_connection_state(self) -> None:
        super().init_connection_state()
        assert self.connection is not None  # it has just been made
        self._set(self.connection)

    def _new(self, conn_params: dict[str, Any]) -> psycopg.Connection:
        connection: psycopg.Connection = super().get_new_connection(conn_params)
        if _shared is not None and not answers(connection):
            connection.close()
            raise psycopg.OperationalError("the database took a connection and does not answer on it")
        return connection

    def _fits(self, connection: psycopg.Connection) -> bool:
        return _set_to.get(connection, {}) == self.wanted

    def _set(self, connection: psycopg.Connection) -> None:
        """Apply this thread's settings, and reset those of the previous thread."""
        now = _set_to.get(connection, {})
        if now == self.wanted:
            return
        wants = [f"RESET {name}" for name in now if name not in self.wanted]
        wants += [f"SET {name} = '{value}'" for name, value in self.wanted.items() if now.get(name) != value]
        with connection.cursor() as cursor:
            cursor.execute("; ".join(wants))
        _set_to[connection] = self.wanted

    def _close(self) -> None:
        if self.connection is None or self._owner is None:
            super()._close()  # type: ignore[misc]  # not in the stubs
            return
        owner, self._owner = self._owner, None
        with self.wrap_database_errors:
            owner.give(self.connection)
