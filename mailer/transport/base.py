"""What the sending engine and a transport exchange."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple, Protocol

from django.core.mail import EmailMultiAlternatives

from mailer.transport.refusals import Refusal, RefusalClass

_ABOUT_US = (RefusalClass.SENDER, RefusalClass.CONTENT)


class Verdict(Enum):
    """What a mail server's answer means for one mail (RFC 5321 section 4.2.1)."""

    ACCEPTED = "accepted"
    LATER = "later"  # 4yz: try again
    NEVER = "never"  # 5yz: failed for good


class Result(NamedTuple):
    """The server's final answer about one mail."""

    verdict: Verdict
    text: str  # in the server's words: "250 2.0.0 Ok"
    refusal: Refusal | None = None  # what a refusal is about

    @property
    def about_us(self) -> bool:
        """Whether it refuses us or our content, whoever the recipient is."""
        return self.refusal is not None and self.refusal.refusal_class in _ABOUT_US


class MailRefused(Exception):
    """A mail did not go out; str(error) is an answer that a person can read."""


class ServerAway(MailRefused):
    """The server cannot be used now.

    `in_hand`: the connection broke while it worked on this mail. `unknown`: it may have accepted it, be it
    that one or one written ahead.
    `server`: it concerns the server as a whole, not only what one mail did to one connection.
    """

    def __init__(
        self, text: str, *, in_hand: bool = False, unknown: bool = False, server: bool = True
    ) -> None:
        super().__init__(text)
        self.server = server
        self.in_hand = in_hand
        self.unknown = unknown


class ConfigurationRefused(MailRefused):
    """The server refuses us, whoever the recipient is: sender, log-in or TLS are configured wrongly."""


class CannotWrite(Exception):
    """This one mail cannot be written; str(error) says why."""


class OutgoingMessage(Protocol):
    """One mail on its way to one address."""

    to: str
    breaks: int  # how often a connection broke before the server answered anything about this mail
    late_after: float | None  # monotonic(); a mail that misses its slot is handed back

    def prepare(self, *, eight_bit: bool) -> None:
        """Write it now and keep the result, expecting `write(eight_bit=…, utf8=False)`."""
        ...

    def write(self, *, eight_bit: bool, utf8: bool) -> bytes:
        """The content with CRLF line ends, dots not stuffed; raises CannotWrite if that is impossible."""
        ...

    def as_django(self) -> EmailMultiAlternatives:
        """The same for a Django mail backend; raises CannotWrite if that is impossible."""
        ...


# None: not begun, and the server is not to blame.
MailResult = tuple[OutgoingMessage, Result | ServerAway | None]


class Transport(Protocol):
    """Carries mails; every mail that was put in comes back once, with its result or withdrawn."""

    @property
    def waiting(self) -> int:
        """How many mails are waiting to begin."""
        ...

    @property
    def busy(self) -> int:
        """How many mails have begun and have no answer yet."""
        ...

    @property
    def opening(self) -> bool:
        """Whether it can send nothing yet because its connections are still being opened."""
        ...

    def put(self, mails: Iterable[OutgoingMessage]) -> None: ...

    def poll(self, timeout: float) -> list[MailResult]:
        """Work for at most `timeout` seconds, less if there is a result.

        Raises ServerAway or ConfigurationRefused if no mail can go; by then, every mail that began has had
        its result.
        """
        ...

    def withdraw(self) -> list[OutgoingMessage]:
        """Take back every mail that has not begun."""
        ...

    def close(self) -> None: ...


def deliver(transport: Transport, mail: OutgoingMessage) -> Result:
    """Send one mail and wait for the answer; raises MailRefused."""
    transport.put([mail])
    while True:
        for _, result in transport.poll(1):
            if isinstance(result, Result):
                return result
            if result is not None:
                raise result
            transport.put([mail])
