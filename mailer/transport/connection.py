"""One connection from its first packet to its last: opening, then a conversation."""

import selectors
from time import monotonic

from django.conf import settings

from mailer.transport.base import Answer, MailRefused, Outcome, OutgoingMessage, ServerAway
from mailer.transport.handshake import Account, Script, StartTls, hello
from mailer.transport.mail_socket import Address, Link
from mailer.transport.replies import Nonsense, ReplyReader
from mailer.transport.session import Conversation, Interrupted

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
PROGRESS = 4096  # octets; a server that takes less than that in its time is too slow


class Connection:
    """Tries the server's addresses in turn, shakes hands, and is then of use for mails."""

    def __init__(self, account: Account, addresses: list[Address], *, ahead: int) -> None:
        self._account = account
        self._addresses = list(addresses)
        self._ahead = ahead
        self.watched = _READ | _WRITE
        self.broken: str | None = None
        self._conversation: Conversation | None = None
        self.eight_bit = False
        self._handed = 0
        self._time_limit = settings.MAIL_TIMEOUT
        self._dial()

    @property
    def busy(self) -> int:
        return self._conversation.busy if self._conversation else 0

    @property
    def room(self) -> bool:
        return self._conversation is not None and self._conversation.room

    @property
    def useful(self) -> bool:
        """Whether a mail was answered over it."""
        return self._conversation is not None and self._conversation.answered > 0

    @property
    def refused(self) -> MailRefused | None:
        return self._conversation.refused if self._conversation else None

    @property
    def wants_to_write(self) -> bool:
        return self.link.wants_to_write or (self.link.ready and bool(self._out))

    def begin(self, mail: OutgoingMessage) -> Answer | None:
        assert self._conversation is not None  # noqa: S101  # there is room only in one
        if not self._conversation.listening:
            self._moved()
        return self._conversation.begin(mail)

    def overdue(self, now: float) -> bool:
        """Whether the server has let a step take longer than it may."""
        listening = self._conversation is None or self._conversation.listening or bool(self._out)
        return listening and now > self._deadline

    def write(self) -> None:
        """Hand over what the socket takes; OSError if it is broken."""
        if not self._out or not self.link.ready:
            return
        number = self.link.write(self._out)
        if self._conversation:
            self._conversation.written(number)
        else:
            del self._out[:number]
        self._handed += number
        if self._handed >= PROGRESS:
            self._moved()

    def serve(self, events: int) -> list[Outcome]:
        """Do what the socket is ready for; MailRefused or OSError if it cannot be opened."""
        if not self.link.ready:
            self._open()
            return []
        if events & _WRITE:
            self.write()
        if not events & _READ or (data := self.link.read()) is None:
            return []
        if self._conversation is None:
            self._hear(data)
            return []
        if not data:
            self.broken = "The mail server closed the connection."
            return []
        heard = self._conversation.heard
        try:
            outcomes = self._conversation.receive(data)
        except Interrupted as error:
            self.broken = str(error)
            return error.outcomes
        if self._conversation.heard > heard:  # a reply that only trickles is no progress
            self._moved()
        return outcomes

    def abandon(self, why: str) -> list[Outcome]:
        self.link.close()
        return self._conversation.abandon(why) if self._conversation else []

    def close(self) -> None:
        """Say QUIT if nothing is under way, and go."""
        try:
            if self._conversation and not self.busy and not self._out:
                self._out.extend(b"QUIT\r\n")
                self.write()
        except OSError:
            pass
        self.link.close()

    def _dial(self) -> None:
        self.link = Link(self._addresses.pop(0))
        self._out = bytearray()
        self._reader = ReplyReader()
        self._script: Script = hello(self._account, loopback=self.link.loopback)
        self._moved()

    def _moved(self) -> None:
        """The server got ahead: its time begins anew."""
        self._handed = 0
        self._deadline = monotonic() + self._time_limit

    def _open(self) -> None:
        """Connect, or shake hands."""
        before = self.link.connected
        try:
            self.link.go_on()
        except OSError as error:
            if before:
                raise ServerAway(f"TLS failed: {error}") from error
            if not self._addresses:
                raise ServerAway(f"The mail server cannot be reached: {error}") from error
            self.link.close()
            self._dial()
            return
        if not before and self.link.connected:
            self._moved()
            if self._account.tls:
                self._secure()
            else:
                self._say(next(self._script))
        elif self.link.ready:
            # After STARTTLS the script goes on; with TLS from the start it only begins now.
            self._say(next(self._script))

    def _secure(self) -> None:
        try:
            self.link.secure(self._account)
        except OSError as error:
            raise ServerAway(f"TLS failed: {error}") from error

    def _hear(self, data: bytes) -> None:
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
        self._moved()
        try:
            self._say(self._script.send(replies[0]))
        except StopIteration as end:
            self._conversation = Conversation(
                sender=self._account.sender, features=end.value, ahead=self._ahead
            )
            self._out = self._conversation.out
            self.eight_bit = end.value.eight_bit

    def _say(self, said: bytes | StartTls) -> None:
        if isinstance(said, StartTls):
            self._secure()
        elif said:
            self._out += said
            self.write()
