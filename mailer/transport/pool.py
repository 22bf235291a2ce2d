"""A few kept SMTP connections, served by one thread."""

import selectors
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from threading import Lock
from time import monotonic

from django.conf import settings

from mailer.transport.base import MailRefused, MailResult, OutgoingMessage, Result, ServerAway
from mailer.transport.connection import Connection
from mailer.transport.handshake import Account
from mailer.transport.mail_socket import Address, resolve

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
MAILS_PER_CONNECTION = 4  # worth another connection
MAX_BREAKS = 3  # connections that broke with mail in hand, before the server is given a rest
CHECK_SECONDS = 0.25
IN_A_ROW = 16  # mails written one behind the other, while what that takes is at hand: a sixth less time


class Budget:
    """How many connections this process has, over all its workers: never more than the setting."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._used = 0

    def take(self) -> bool:
        with self._lock:
            granted = self._used < settings.MAIL_CONNECTIONS
            self._used += granted
            return granted

    def give(self, number: int) -> None:
        with self._lock:
            self._used -= number


_budget = Budget()


class SmtpTransport:
    """Carries mails over as many connections as they are worth.

    A connection that breaks after it was of use is replaced; one that never was of use is not. When
    none is left, or too many broke, what is begun is brought to its end and the error is raised.
    """

    def __init__(self, *, may_begin: Callable[[], bool] = lambda: True, careful: bool = False) -> None:
        self._account = Account.from_settings()
        self._may_begin = may_begin
        self._limit = settings.MAIL_CONNECTIONS
        self._careful = careful  # the server was ill: one connection, one mail, until it takes one
        self._pipeline_depth = max(settings.MAIL_WINDOW // (2 * self._limit), 2)
        self._selector = selectors.DefaultSelector()
        self._connections: list[Connection] = []
        self._addresses: list[Address] = []
        self._queue: deque[OutgoingMessage] = deque()
        self._prepared_count = 0  # of them
        self._outcomes: list[MailResult] = []
        self._failure: MailRefused | None = None
        self._busy = 0
        self._fresh = False  # mails were put that no connection has been offered
        self._breaks = 0
        self._checked = 0.0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def busy(self) -> int:
        return self._busy

    def put(self, mails: Iterable[OutgoingMessage]) -> None:
        before = len(self._queue)
        self._queue.extend(mails)
        self._fresh |= len(self._queue) > before

    def withdraw(self) -> list[OutgoingMessage]:
        mails = list(self._queue)
        self._queue.clear()
        self._prepared_count = 0
        return mails

    def poll(self, timeout: float) -> list[MailResult]:
        """See Transport.poll."""
        self._open()
        if self._fresh:
            self._fresh = False
            for connection in list(self._connections):
                self._top_up(connection)
        for key, events in self._selector.select(0 if self._outcomes else timeout):
            self._serve(key.data, events)
        now = monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            for connection in [c for c in self._connections if c.overdue(now)]:
                self._drop(connection, "The mail server did not answer in time.")
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes and self._failure and not self._busy:
            raise self._failure
        return outcomes

    def close(self) -> None:
        """Say good-bye, without waiting for what the server says to that."""
        for connection in self._connections:
            self._selector.unregister(connection.mail_socket.socket)
            connection.close()
        _budget.give(len(self._connections))
        self._connections = []
        self._selector.close()

    def _open(self) -> None:
        """Have as many connections as the mails are worth."""
        limit = 1 if self._careful else self._limit
        if len(self._connections) >= limit or self._failure or not self._queue or not self._may_begin():
            return
        wanted = min(1 + (self._busy + len(self._queue)) // MAILS_PER_CONNECTION, limit)
        while len(self._connections) < wanted and _budget.take():
            try:
                self._addresses = self._addresses or resolve(self._account)
                connection = Connection(self._account, self._addresses, pipeline_depth=self._pipeline_depth)
            except OSError as error:
                _budget.give(1)
                self._fail(ServerAway(f"The mail server cannot be reached: {error}"))
                return
            self._connections.append(connection)
            self._selector.register(connection.mail_socket.socket, _READ | _WRITE, connection)

    def _top_up(self, connection: Connection) -> None:
        """Begin as many mails as this connection takes, and write them."""
        while self._queue and connection.can_accept and not self._failure and self._may_begin():
            if self._careful and self._busy:
                break
            mail = self._next_mail(eight_bit=connection.eight_bit)
            if mail.late_after is not None and monotonic() > mail.late_after:
                self._outcomes.append((mail, None))
            elif answer := connection.begin(mail):
                self._outcomes.append((mail, answer))
            else:
                self._busy += 1
        self._flush(connection)

    def _next_mail(self, *, eight_bit: bool) -> OutgoingMessage:
        if not self._prepared_count:
            self._prepared_count = min(len(self._queue), IN_A_ROW)
            for mail in islice(self._queue, self._prepared_count):
                mail.prepare(eight_bit=eight_bit)
        self._prepared_count -= 1
        return self._queue.popleft()

    def _flush(self, connection: Connection) -> None:
        try:
            connection.write()
        except OSError as error:
            self._drop(connection, f"The connection broke: {error}")
            return
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        events = _READ | _WRITE if connection.wants_to_write else _READ
        if events != connection.watched:
            connection.watched = events
            self._selector.modify(connection.mail_socket.socket, events, connection)

    def _serve(self, connection: Connection, events: int) -> None:
        before = connection.mail_socket.socket
        try:
            outcomes = connection.serve(events)
        except (MailRefused, OSError) as error:
            self._drop(connection, error if isinstance(error, MailRefused) else str(error))
            return
        if connection.mail_socket.socket is not before:  # the next address, or TLS around the same socket
            self._selector.unregister(before)
            self._selector.register(connection.mail_socket.socket, _READ | _WRITE, connection)
            connection.watched = _READ | _WRITE
        self._note(outcomes)
        if connection.broken is not None:
            self._drop(connection, connection.broken)
        elif connection.refused and not connection.busy:
            self._drop(connection, connection.refused)
        else:
            self._top_up(connection)

    def _note(self, outcomes: list[MailResult]) -> None:
        if outcomes:
            self._busy -= len(outcomes)
            self._outcomes.extend(outcomes)
            if self._careful and any(isinstance(said, Result) for _, said in outcomes):
                self._careful = False

    def _drop(self, connection: Connection, why: str | MailRefused) -> None:
        """Forget a connection that can no longer be trusted, without another word to it."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        _budget.give(1)
        self._selector.unregister(connection.mail_socket.socket)
        outcomes = connection.abandon(str(why))
        self._busy -= len(outcomes)
        self._outcomes.extend(outcomes)
        error = connection.refused or (why if isinstance(why, MailRefused) else ServerAway(why))
        if not isinstance(error, ServerAway):
            self._fail(error)
            return
        in_hand = any(isinstance(said, ServerAway) and said.in_hand for _, said in outcomes)
        self._breaks += in_hand
        if not connection.useful:
            self._limit = min(self._limit - 1, len(self._connections))
        if self._limit < 1 or self._breaks >= MAX_BREAKS:
            self._fail(error)

    def _fail(self, error: MailRefused) -> None:
        self._failure = self._failure or error
