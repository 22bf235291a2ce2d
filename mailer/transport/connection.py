"""One connection from its first packet to its last: handshake, then session."""

import selectors
import ssl
from dataclasses import replace
from time import monotonic

from django.conf import settings

from mailer.transport.base import MailResult, OutgoingMessage, Result, ServerAway
from mailer.transport.features import Features
from mailer.transport.handshake import Account, Script, StartTls, handshake
from mailer.transport.mail_socket import Address, MailSocket, note_failed
from mailer.transport.replies import InvalidReply, ReplyReader
from mailer.transport.session import Interrupted, SmtpSession
from mailer.transport.trust import distrusted
from site_config import dkim

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
CONNECT_SECONDS = 5  # at most, for one of several addresses; the last has all the time that is left
PROGRESS = 4096  # octets; a server that takes fewer in MAIL_TIMEOUT is too slow
CLOSED = "The mail server closed the connection."


class Connection:
    """Tries the server's addresses in turn, shakes hands, and then carries mails."""

    def __init__(self, account: Account, addresses: list[Address], *, pipeline_depth: int) -> None:
        self.account = account
        self._addresses = list(addresses)
        self._pipeline_depth = pipeline_depth
        self.watched = _READ | _WRITE
        self.broken: str | None = None
        self.ended = False  # the server closed it properly
        self.refuses_us = False  # its last answer was a refusal that is not about the recipient
        self.session: SmtpSession | None = None
        self._features = Features()
        self.eight_bit = False
        self._taken = 0
        self._time_limit = settings.MAIL_TIMEOUT
        self._restart_timer()  # for all that comes before the first mail, at whatever address
        self._dial()

    @property
    def busy(self) -> int:
        return self.session.busy if self.session else 0

    @property
    def can_accept(self) -> bool:
        return self.session is not None and self.session.can_accept

    @property
    def useful(self) -> bool:
        """Whether any mail was answered on it."""
        return self.session is not None and self.session.answered > 0

    @property
    def outdated(self) -> bool:
        """Whether it uses an extension that this server has since shown not to support properly."""
        return self._features != self._features.without(distrusted(self.account.server))

    def retire(self) -> None:
        """Begin no more mails on it."""
        if self.session:
            self.session.retiring = True

    @property
    def retired(self) -> bool:
        """Whether it takes no more mails and has none left."""
        return self.session is not None and self.session.retiring and not self.busy

    @property
    def wants_to_write(self) -> bool:
        return self.mail_socket.wants_to_write or (self.mail_socket.ready and bool(self._out))

    def begin(self, mail: OutgoingMessage) -> Result | None:
        assert self.session is not None  # mails go only over a session
        if not self.session.awaits_reply:
            self._restart_timer()
        return self.session.begin(mail)

    def note_answers(self, results: list[MailResult]) -> None:
        """Remember whether the last of these results says that the server refuses us."""
        for _, result in results:
            if isinstance(result, Result):
                self.refuses_us = result.about_us

    def overdue(self, now: float) -> bool:
        """Whether the server has taken longer for a step than it may."""
        awaits_reply = self.session is None or self.session.awaits_reply or bool(self._out)
        return awaits_reply and now > self._deadline

    def leave_silent_address(self, now: float) -> bool:
        """Try the next address if this one lets nobody connect; whether it did."""
        if self.mail_socket.connected or not self._addresses or now <= self._next_address_at:
            return False
        self._try_next_address()
        return True

    def write(self) -> None:
        """Hand over what the socket takes; OSError if it is broken."""
        while self._out and self.mail_socket.ready:
            if self.session and self.mail_socket.secured:
                self.session.handed(self.mail_socket.may_take(self._out))
            before = len(self._out)
            number = self.mail_socket.write(self._out)
            if self.session:
                self.session.written(number)
            else:
                del self._out[:number]
            self._taken += number
            if self._taken >= PROGRESS:
                self._restart_timer()
            if not number or not self.mail_socket.secured or number == before:
                return

    def serve(self, events: int) -> list[MailResult]:
        """Do what the socket is ready for; raises MailRefused or OSError if it cannot be opened."""
        if not self.mail_socket.ready:
            self._open()
            return []
        if events & _WRITE:
            self.write()
        if not events & _READ or (data := self.mail_socket.read()) is None:
            return []
        if self.session is None:
            self._go_on_opening(data)
            return []
        if not data:
            self.broken, self.ended = CLOSED, True
            return []
        read = self.session.replies_read
        try:
            results = self.session.receive(data)
        except Interrupted as error:
            self.broken = str(error)
            return error.results
        if self.session.replies_read > read:  # a trickle of a reply is no progress
            self._restart_timer()
        return results

    def timed_out(self) -> str:
        """Note that it is overdue; return the error."""
        if self.session:
            self.session.timed_out()
            return "The mail server did not answer in time."
        where = f"{self.account.host}:{self.account.port}"
        step = "did not greet" if self.mail_socket.connected else "could not be reached"
        return f"The mail server {where} {step} within {self._time_limit} seconds."

    def abandon(self, why: str, *, error: OSError | None = None) -> list[MailResult]:
        """The results of its mails. `error`: the socket's error, raised before everything had been read."""
        if self.session is None:
            note_failed(self._address)
        results = self._last_words(self.session, error) if self.session and error else []
        self.mail_socket.close()
        return results + (self.session.abandon(why, ended=self.ended) if self.session else [])

    def _last_words(self, session: SmtpSession, error: OSError) -> list[MailResult]:
        """What the server wrote before it closed with our data unread, which resets the connection."""
        self.ended |= isinstance(error, (ConnectionResetError, BrokenPipeError))
        results: list[MailResult] = []
        try:
            while data := self.mail_socket.read():
                results += session.receive(data)
        except Interrupted as interrupted:
            results += interrupted.results
        except OSError:
            pass
        return results

    def close(self) -> None:
        """Send QUIT if nothing is under way, and close."""
        try:
            if self.session and not self.busy and not self._out:
                self._out.extend(b"QUIT\r\n")
                self.write()
        except OSError:
            pass
        self.mail_socket.close()

    def _try_next_address(self) -> None:
        self.mail_socket.close()
        note_failed(self._address)
        self._dial()

    def _dial(self) -> None:
        now = monotonic()
        share = (self._deadline - now) / len(self._addresses)
        self._next_address_at = now + min(share, CONNECT_SECONDS)
        self._address = self._addresses.pop(0)
        self.mail_socket = MailSocket(self._address)
        self._out = bytearray()
        self._reader = ReplyReader()
        self._script: Script = handshake(self.account, loopback=self.mail_socket.loopback)

    def _restart_timer(self) -> None:
        """The server made progress: its time begins anew."""
        self._taken = 0
        self._deadline = monotonic() + self._time_limit

    def _open(self) -> None:
        """Connect, or shake hands for TLS."""
        before = self.mail_socket.connected
        try:
            self.mail_socket.go_on()
        except OSError as error:
            if before:
                raise ServerAway(tls_failed(error)) from error
            if not self._addresses:
                raise ServerAway(f"The mail server cannot be reached: {error}") from error
            self._try_next_address()
            return
        if not before and self.mail_socket.connected:
            if self.account.tls:
                self._secure()
            else:
                self._send_commands(next(self._script))
        elif self.mail_socket.ready:
            # After STARTTLS the handshake goes on; with TLS from the start it begins only now.
            self._send_commands(next(self._script))

    def _secure(self) -> None:
        try:
            self.mail_socket.secure(self.account)
        except OSError as error:
            raise ServerAway(tls_failed(error)) from error

    def _go_on_opening(self, data: bytes) -> None:
        """Pass the reply to the handshake and send its next line."""
        if not data:
            raise ServerAway("The mail server closed the connection before it could be used.")
        try:
            replies = list(self._reader.feed(data))
        except InvalidReply as error:
            raise ServerAway(str(error)) from error
        if not replies:
            return
        if len(replies) > 1 or not self._reader.empty:
            # Also what was injected before TLS, to be taken for part of the encrypted session (RFC 3207).
            raise ServerAway("The mail server spoke without being asked.")
        try:
            self._send_commands(self._script.send(replies[0]))
        except StopIteration as end:
            features = self._features = end.value.without(distrusted(self.account.server))
            signing = dkim.signing(self.account.sender)
            if signing:  # re-encoding the text would break the signature (RFC 6376 section 5.3)
                features = replace(features, eight_bit=False)
            self.session = SmtpSession(
                sender=self.account.sender,
                features=features,
                pipeline_depth=self._pipeline_depth,
                sign=signing,
            )
            self._out = self.session.out
            self.eight_bit = features.eight_bit
            self._restart_timer()

    def _send_commands(self, line: bytes | StartTls) -> None:
        if isinstance(line, StartTls):
            self._secure()
        elif line:
            self._out += line
            self.write()


def tls_failed(error: OSError) -> str:
    """What went wrong with TLS, and how to fix it."""
    hints = {
        "CERTIFICATE_VERIFY_FAILED": "For one of your own set MAIL_TLS_CA_FILE or MAIL_TLS_FINGERPRINT.",
        "WRONG_VERSION_NUMBER": "This port does not speak TLS from the start: use smtp+tls:// for STARTTLS.",
    }
    reason = getattr(error, "reason", "") if isinstance(error, ssl.SSLError) else ""
    return " ".join(filter(None, (f"TLS failed: {error}", hints.get(reason))))
