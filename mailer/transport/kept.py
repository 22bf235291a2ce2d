"""Connections that outlive the work they were opened for, so that the next mailing finds them open."""

import select
from dataclasses import dataclass
from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING

from django.conf import settings

from mailer.transport.connection import Connection
from mailer.transport.handshake import Account

if TYPE_CHECKING:
    import socket

KEPT_SECONDS = 30  # without work


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: Connection
    since: float


class ConnectionStore:
    """Counts this process's connections over all its workers, and keeps the idle ones.

    Never more than MAIL_CONNECTIONS in all.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._used = 0  # of them, the idle ones
        self._kept: list[_Kept] = []
        self._timer: Timer | None = None

    def may_open(self) -> bool:
        """Reserve a new connection; an idle one is closed to make room."""
        with self._lock:
            if self._used >= settings.MAIL_CONNECTIONS and self._kept:
                self._close([self._kept.pop(0)])
            granted = self._used < settings.MAIL_CONNECTIONS
            self._used += granted
            return granted

    def give(self, number: int) -> None:
        """Return the reservations of closed connections."""
        with self._lock:
            self._used -= number

    def take(self, account: Account) -> Connection | None:
        """An idle connection to this server, if one is still alive."""
        with self._lock:
            for kept in reversed(self._kept):
                if kept.connection.account != account:
                    continue
                self._kept.remove(kept)
                if _alive(kept.connection) and not kept.connection.outdated:
                    return kept.connection
                self._close([kept])
        return None

    def keep(self, connection: Connection) -> None:
        """Keep a connection for the next that needs one."""
        with self._lock:
            self._kept.append(_Kept(connection, monotonic()))
            self._set_timer()

    def close_all(self) -> None:
        """Close all idle connections."""
        with self._lock:
            kept, self._kept = self._kept, []
            self._close(kept)

    def _close_old(self) -> None:
        with self._lock:
            self._timer = None
            old = [kept for kept in self._kept if monotonic() - kept.since >= KEPT_SECONDS]
            self._kept = [kept for kept in self._kept if kept not in old]
            self._close(old)
            if self._kept:
                self._set_timer()

    def _close(self, kept: list[_Kept]) -> None:
        self._used -= len(kept)
        for each in kept:
            each.connection.close()

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = Timer(KEPT_SECONDS, self._close_old)
            self._timer.daemon = True
            self._timer.start()


def _alive(connection: Connection) -> bool:
    """Whether the server has been silent: what it sends to an idle connection announces the end."""
    if connection.session is None:
        return True  # still opening; whoever takes it reads what comes
    mail_socket: socket.socket = connection.mail_socket.socket
    try:
        return not select.select([mail_socket], [], [], 0)[0]
    except (OSError, ValueError):
        return False


connections = ConnectionStore()
