"""One connection from its first packet to its last: opening, then a conversation."""

import selectors
from time import monotonic

from django.conf import settings

from mailer.transport.base import MailRefused, MailResult, OutgoingMessage, Result, ServerAway
from mailer.transport.handshake import Account, Script, StartTls, handshake
from mailer.transport.mail_socket import Address, MailSocket
from mailer.transport.replies import Nonsense, ReplyReader
from mailer.transport.session import Interrupted, SmtpSession

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
PROGRESS = 4096  # octets; a server that takes less than that in its time is too slow


class Connection:
    """Tries the server's addresses in turn, shakes hands, and is then of use for mails."""

    def __init__(self, account: Account, addresses: list[Address], *, pipeline_depth: int) -> None:
        self._account = account
        self._addresses = list(addresses)
        self._pipeline_depth = pipeline_depth
        self.watched = _READ | _WRITE
        self.broken: str | None = None
        self._session: SmtpSession | None = None
        self.eight_bit = False
        self._handed = 0
        self._time_limit = settings.MAIL_TIMEOUT
        self._dial()

    @property
    def busy(self) -> int:
        return self._session.busy if self._session else 0

    @property
    def can_accept(self) -> bool:
        return self._session is not None and self._session.can_accept

    @property
    def useful(self) -> bool:
        """Whether a mail was answered over it."""
        return self._session is not None and self._session.answered > 0

    @property
    def refused(self) -> MailRefused | None:
        return self._session.refused if self._session else None

    @property
    def wants_to_write(self) -> bool:
        return self.mail_socket.wants_to_write or (self.mail_socket.ready and bool(self._out))

    def begin(self, mail: OutgoingMessage) -> Result | None:
        assert self._session is not None  # noqa: S101  # there is room only in one
        if not self._session.awaits_reply:
            self._restart_timer()
        return self._session.begin(mail)

    def overdue(self, now: float) -> bool:
        """Whether the server has let a step take longer than it may."""
        awaits_reply = self._session is None or self._session.awaits_reply or bool(self._out)
        return awaits_reply and now > self._deadline

    def write(self) -> None:
        """Hand over what the socket takes; OSError if it is broken."""
        if not self._out or not self.mail_socket.ready:
            return
        number = self.mail_socket.write(self._out)
        if self._session:
            self._session.written(number)
        else:
            del self._out[:number]
        self._handed += number
        if self._handed >= PROGRESS:
            self._restart_timer()

    def serve(self, events: int) -> list[MailResult]:
        """Do what the socket is ready for; MailRefused or OSError if it cannot be opened."""
        if not self.mail_socket.ready:
            self._open()
            return []
        if events & _WRITE:
            self.write()
        if not events & _READ or (data := self.mail_socket.read()) is None:
            return []
        if self._session is None:
            self._handle_reply(data)
            return []
        if not data:
            self.broken = "The mail server closed the connection."
            return []
        replies_read = self._session.replies_read
        try:
            outcomes = self._session.receive(data)
        except Interrupted as error:
            self.broken = str(error)
            return error.outcomes
        if self._session.replies_read > replies_read:  # a reply that only trickles is no progress
            self._restart_timer()
        return outcomes

    def abandon(self, why: str) -> list[MailResult]:
        self.mail_socket.close()
        return self._session.abandon(why) if self._session else []

    def close(self) -> None:
        """Say QUIT if nothing is under way, and go."""
        try:
            if self._session and not self.busy and not self._out:
                self._out.extend(b"QUIT\r\n")
                self.write()
        except OSError:
            pass
        self.mail_socket.close()

    def _dial(self) -> None:
        self.mail_socket = MailSocket(self._addresses.pop(0))
        self._out = bytearray()
        self._reader = ReplyReader()
        self._script: Script = handshake(self._account, loopback=self.mail_socket.loopback)
        self._restart_timer()

    def _restart_timer(self) -> None:
        """The server got ahead: its time begins anew."""
        self._handed = 0
        self._deadline = monotonic() + self._time_limit

    def _open(self) -> None:
        """Connect, or shake hands."""
        before = self.mail_socket.connected
        try:
            self.mail_socket.go_on()
        except OSError as error:
            if before:
                raise ServerAway(f"TLS failed: {error}") from error
            if not self._addresses:
                raise ServerAway(f"The mail server cannot be reached: {error}") from error
            self.mail_socket.close()
            self._dial()
            return
        if not before and self.mail_socket.connected:
            self._restart_timer()
            if self._account.tls:
                self._secure()
            else:
                self._send_commands(next(self._script))
        elif self.mail_socket.ready:
            # After STARTTLS the script goes on; with TLS from the start it only begins now.
            self._send_commands(next(self._script))

    def _secure(self) -> None:
        try:
            self.mail_socket.secure(self._account)
        except OSError as error:
            raise ServerAway(f"TLS failed: {error}") from error

    def _handle_reply(self, data: bytes) -> None:
        """Give the script its reply and say what it says next."""
        if not data:
            raise ServerAway("The mail server closed the connection before it could be used.")
        try:
            replies = list(self._reader.feed(data))
        except Nonsense as error:
            raise ServerAway(str(error)) from error
        if not replies:
            return
        if len(replies) > 1 or not self._reader.empty:
            # Also what was slipped in before TLS, to be taken for what was said under it (RFC 3207).
            raise ServerAway("The mail server spoke without being asked.")
        self._restart_timer()
        try:
            self._send_commands(self._script.send(replies[0]))
        except StopIteration as end:
            self._session = SmtpSession(
                sender=self._account.sender, features=end.value, pipeline_depth=self._pipeline_depth
            )
            self._out = self._session.out
            self.eight_bit = end.value.eight_bit

    def _send_commands(self, said: bytes | StartTls) -> None:
        if isinstance(said, StartTls):
            self._secure()
        elif said:
            self._out += said
            self.write()
