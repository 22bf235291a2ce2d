"""A few kept SMTP connections, served by one thread."""

import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from time import monotonic

from django.conf import settings

from mailer.transport.base import MailRefused, MailResult, OutgoingMessage, Result, ServerAway, Verdict
from mailer.transport.connection import Connection
from mailer.transport.handshake import Account
from mailer.transport.kept import connections as store
from mailer.transport.mail_socket import Address, resolve
from mailer.transport.trust import distrust

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
MAILS_PER_CONNECTION = 4  # that make another connection worthwhile
MAX_BREAKS = 3  # connections that may break with mail in hand before this mailing rests
CHECK_SECONDS = 0.25
IN_A_ROW = 16  # mails written in a row, with warm CPU caches: saves a sixth of the time
REFUSED_IN_A_ROW = 16  # refusals without an acceptance after which half the connections will do


class SmtpTransport:
    """Carries mails over as many connections as they are worth.

    A connection that was useful is replaced when it breaks; one that never was is not. When none is left, or
    too many broke, what has begun is finished and the error is raised.
    """

    def __init__(self, *, may_begin: Callable[[], bool] = lambda: True, careful: bool = False) -> None:
        self._account = Account.from_settings()
        self._may_begin = may_begin
        self._limit = settings.MAIL_CONNECTIONS  # as many as the server has shown it accepts
        self._allowed = self._limit  # fewer while it refuses
        self._careful = careful  # the server failed lately: one connection and one mail until one is accepted
        self._pipeline_depth = max(settings.MAIL_WINDOW // (2 * self._limit), 2)
        self._selector = selectors.DefaultSelector()
        self._connections: list[Connection] = []
        self._addresses: list[Address] = []
        self._queue: deque[OutgoingMessage] = deque()
        self._prepared_count = 0  # mails at the head of the queue that are already written
        self._results: list[MailResult] = []
        self._failure: MailRefused | None = None
        self._busy = 0
        self._fresh = False  # new mails that no connection has been offered
        self._breaks = 0
        self._refused_in_a_row = 0
        self._refuses_us = False  # the last answer was a refusal that is not about its recipient
        self._has_refused_us = False  # any was
        self._checked = 0.0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def busy(self) -> int:
        return self._busy

    @property
    def opening(self) -> bool:
        """Whether every connection is still being opened."""
        return bool(self._connections) and all(c.session is None for c in self._connections)

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
        for key, events in self._selector.select(0 if self._results else timeout):
            self._serve(key.data, events)
        now = monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            for connection in list(self._connections):
                self._check_time(connection, now)
        results, self._results = self._results, []
        if not results and self._failure and not self._busy:
            raise self._failure
        return results

    def close(self) -> None:
        """Leave the connections to whoever sends next; say QUIT on those that are of no use.

        A server that refuses us may go on doing so on open connections even after its configuration was
        fixed. Behind one name may be several, of which only some refuse us: a connection that has carried
        nothing yet may lead to one of those.
        """
        useless = self._failure is not None or self._refuses_us
        for connection in self._connections:
            self._selector.unregister(connection.mail_socket.socket)
            doubtful = connection.refuses_us or (self._has_refused_us and not connection.useful)
            if useless or connection.busy or connection.retired or connection.broken or doubtful:
                connection.close()
                store.give(1)
            else:
                store.keep(connection)
        self._connections = []
        self._selector.close()

    def _open(self) -> None:
        """Have as many connections as the mails are worth."""
        limit = 1 if self._careful else min(self._limit, self._allowed)
        if len(self._connections) >= limit or self._failure or not self._queue or not self._may_begin():
            return
        wanted = min(1 + (self._busy + len(self._queue)) // MAILS_PER_CONNECTION, limit)
        while len(self._connections) < wanted and (connection := self._connection()):
            connection.watched = _READ | _WRITE
            self._connections.append(connection)
            self._selector.register(connection.mail_socket.socket, connection.watched, connection)

    def _connection(self) -> Connection | None:
        if kept := store.take(self._account):
            self._fresh = True
            return kept
        if not store.may_open():
            return None
        try:
            self._addresses = self._addresses or resolve(self._account)
            return Connection(self._account, self._addresses, pipeline_depth=self._pipeline_depth)
        except OSError as error:
            store.give(1)
            self._fail(ServerAway(f"The mail server cannot be reached: {error}"))
            return None

    def _top_up(self, connection: Connection) -> None:
        """Begin as many mails as this connection takes, and write them."""
        while self._queue and connection.can_accept and not self._failure and self._may_begin():
            if self._careful and self._busy:
                break
            mail = self._next_mail(eight_bit=connection.eight_bit)
            if mail.late_after is not None and monotonic() > mail.late_after:
                self._results.append((mail, None))
            elif result := connection.begin(mail):
                self._results.append((mail, result))
                self._refuses_us = result.about_us
                self._has_refused_us |= result.about_us
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
            self._drop(connection, error)
            return
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        events = _READ | _WRITE if connection.wants_to_write else _READ
        if events != connection.watched:
            connection.watched = events
            self._selector.modify(connection.mail_socket.socket, events, connection)

    def _check_time(self, connection: Connection, now: float) -> None:
        if connection.overdue(now):
            self._drop(connection, ServerAway(connection.timed_out()))
            return
        before = connection.mail_socket.socket
        try:
            if connection.leave_silent_address(now):
                self._watch_instead_of(before, connection)
        except OSError as error:
            self._drop(connection, error)

    def _serve(self, connection: Connection, events: int) -> None:
        before = connection.mail_socket.socket
        try:
            results = connection.serve(events)
        except (MailRefused, OSError) as error:
            self._drop(connection, error)
            return
        if connection.mail_socket.socket is not before:  # the next address, or TLS over the same socket
            self._watch_instead_of(before, connection)
        self._note(results)
        connection.note_answers(results)
        if connection.broken is not None:
            self._drop(connection, ServerAway(connection.broken, server=False))
        elif connection.retired:
            self._retire(connection)
        else:
            self._top_up(connection)

    def _watch_instead_of(self, before: socket.socket, connection: Connection) -> None:
        self._selector.unregister(before)
        self._selector.register(connection.mail_socket.socket, _READ | _WRITE, connection)
        connection.watched = _READ | _WRITE

    def _note(self, results: list[MailResult]) -> None:
        if not results:
            return
        self._busy -= len(results)
        self._results.extend(results)
        for _, result in results:
            if isinstance(result, Result):
                self._careful = False
                accepted = result.verdict is Verdict.ACCEPTED
                self._refused_in_a_row = 0 if accepted else self._refused_in_a_row + 1
                self._refuses_us = not accepted and result.about_us
                self._has_refused_us |= self._refuses_us
        if self._refused_in_a_row >= REFUSED_IN_A_ROW:
            self._refused_in_a_row = 0
            self._allowed = max(1, self._allowed // 2)
        elif not self._refused_in_a_row and self._allowed < self._limit:
            self._allowed += 1

    def _retire(self, connection: Connection) -> None:
        """Quit a connection that has had too many refusals; a new one replaces it."""
        self._forget(connection)
        connection.close()

    def _retire_outdated(self) -> None:
        """Put no more mails on connections that use what the server does not support properly."""
        for connection in [other for other in self._connections if other.outdated]:
            connection.retire()
            if connection.retired:
                self._retire(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.remove(connection)
        store.give(1)
        self._selector.unregister(connection.mail_socket.socket)

    def _drop(self, connection: Connection, why: MailRefused | OSError) -> None:
        """Close a connection that can no longer be trusted, without QUIT."""
        if connection not in self._connections:
            return
        self._forget(connection)
        if connection.session is None:
            self._addresses = []  # the next connection tries another one first
        text = str(why) if isinstance(why, MailRefused) else f"The connection broke: {why}"
        results = connection.abandon(text, error=why if isinstance(why, OSError) else None)
        if connection.session and connection.session.distrusted:
            distrust(self._account.server, connection.session.distrusted)
            self._note(results)
            self._retire_outdated()
            return  # the next connection does not use them
        self._note(results)
        error = why if isinstance(why, MailRefused) else ServerAway(text, server=connection.session is None)
        if not isinstance(error, ServerAway):
            self._fail(error)
            return
        self._breaks += any(
            isinstance(result, ServerAway) and (result.in_hand or result.unknown) for _, result in results
        )
        if not connection.useful and not any(isinstance(result, Result) for _, result in results):
            self._limit = min(self._limit - 1, len(self._connections))
        if self._limit < 1 or self._breaks >= MAX_BREAKS:
            self._fail(error)

    def _fail(self, error: MailRefused) -> None:
        self._failure = self._failure or error
