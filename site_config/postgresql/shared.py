"""A few connections shared by the threads of one process."""

import select
from collections.abc import Callable
from threading import Condition
from time import monotonic

import psycopg
from psycopg.pq import TransactionStatus

WAIT_SECONDS = 5.0  # for another thread to return one
ANSWER_SECONDS = 2.0  # for a new one to respond: a pooler may accept us and have none to give
IDLE_SECONDS = 15.0  # unused for so long, it is left to other processes
REFUSED_SECONDS = 1.0  # after the server refused another one, the open ones have to do

Connect = Callable[[], psycopg.Connection]
Fits = Callable[[psycopg.Connection], bool]


class SharedConnections:
    """At most `most` connections. If the server allows fewer, those have to do, as long as there is one."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free = Condition()
        self._idle: list[psycopg.Connection] = []  # most recently used last
        self._idle_since: dict[psycopg.Connection, float] = {}
        self._number = 0  # open or being opened
        # Connections of threads that are not vital, and how many they have or are opening. A long opening or
        # import in each of them must not keep leases from being renewed.
        self._ordinary: set[psycopg.Connection] = set()
        self._ordinary_number = 0
        self._refused_until = 0.0

    def take(self, connect: Connect, *, fits: Fits, vital: bool = False) -> psycopg.Connection:
        """A connection for this thread alone, if possible one that `fits`.

        The last of them is for threads that are `vital`. psycopg.OperationalError: none is available.
        """
        end = monotonic() + WAIT_SECONDS
        refused: psycopg.OperationalError | None = None
        while True:
            connection = self._find(fits, end, vital=vital, refused=refused)
            try:
                connection = connection or connect()
            except BaseException as error:
                with self._free:
                    self._number -= 1
                    self._ordinary_number -= not vital
                    self._refused_until = monotonic() + REFUSED_SECONDS
                    self._free.notify_all()
                    if not self._number or not isinstance(error, psycopg.OperationalError):
                        raise
                refused = error  # make do with those this process has
                continue
            if not vital:
                with self._free:
                    self._ordinary.add(connection)
            return connection

    def give(self, connection: psycopg.Connection) -> None:
        """Return it for other threads, unless it is no longer usable."""
        usable = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        if not usable:
            connection.close()
        with self._free:
            if usable:
                self._idle.append(connection)
                self._idle_since[connection] = monotonic()
            else:
                self._number -= 1
            if connection in self._ordinary:
                self._ordinary.remove(connection)
                self._ordinary_number -= 1
            self._drop_useless()
            self._free.notify_all()

    def _drop_useless(self) -> None:
        """Close what the server has closed, and what has been idle for a while."""
        long_ago = monotonic() - IDLE_SECONDS
        for connection in list(self._idle):
            if connection.closed or _has_unread(connection) or self._idle_since[connection] < long_ago:
                self._remove(connection)
                self._number -= 1
                connection.close()

    def _remove(self, connection: psycopg.Connection) -> None:
        self._idle.remove(connection)
        del self._idle_since[connection]

    def _find(
        self, fits: Fits, end: float, *, vital: bool, refused: psycopg.OperationalError | None
    ) -> psycopg.Connection | None:
        """An idle connection, or None: then a place for a new one has been reserved.

        `refused`: what the server said to this thread, which does not ask again if there is none at all.
        """
        with self._free:
            while True:
                self._drop_useless()
                may = vital or self._ordinary_number < max(self.most - 1, 1)
                if may and self._idle:
                    self._ordinary_number += not vital
                    chosen = next((c for c in reversed(self._idle) if fits(c)), self._idle[-1])
                    self._remove(chosen)
                    return chosen
                now = monotonic()
                if may and self._number < self.most and (now >= self._refused_until or not self._number):
                    if refused and not self._number:
                        raise refused
                    self._ordinary_number += not vital
                    self._number += 1
                    return None
                if now >= end:
                    raise psycopg.OperationalError(
                        f"all {self._number} database connections of this process are in use"
                    )
                self._free.wait(min(end - now, REFUSED_SECONDS))


def answers(connection: psycopg.Connection) -> bool:
    """Whether the server responds on a new connection within ANSWER_SECONDS."""
    connection.pgconn.send_query(b"")
    connection.pgconn.flush()
    answered = select.select([connection.pgconn.socket], [], [], ANSWER_SECONDS)[0]
    while answered and connection.pgconn.get_result() is not None:
        pass
    return bool(answered)


def _has_unread(connection: psycopg.Connection) -> bool:
    """Whether unrequested data has arrived: then the server is about to close."""
    try:
        return bool(select.select([connection.pgconn.socket], [], [], 0)[0])
    except (OSError, ValueError, psycopg.Error):
        return True
