"""The words in which the sending engine and what carries its mail talk to each other."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple, Protocol

from django.core.mail import EmailMultiAlternatives

from mailer.transport.refusals import Refusal


class Verdict(Enum):
    """What a mail server's answer means for one mail (RFC 5321 section 4.2.1)."""

    ACCEPTED = "accepted"
    LATER = "later"  # 4yz: try again
    NEVER = "never"  # 5yz: failed for good


class Result(NamedTuple):
    """The server's last word on one mail."""

    verdict: Verdict
    text: str  # as the server said it: "250 2.0.0 Ok"
    refusal: Refusal | None = None  # what it is about, unless the mail was accepted


class MailRefused(Exception):
    """A mail did not go out; str(error) is an answer that a person can read."""


class ServerAway(MailRefused):
    """The server cannot be used just now.

    `in_hand`: the connection broke while it worked on this mail. `unknown`: it may have accepted it.
    `server`: it is about the server as a whole, and not about what one mail did to one connection.
    """

    def __init__(
        self, text: str, *, in_hand: bool = False, unknown: bool = False, server: bool = True
    ) -> None:
        super().__init__(text)
        self.server = server
        self.in_hand = in_hand or unknown
        self.unknown = unknown


class ConfigurationRefused(MailRefused):
    """The server refuses us, whoever the recipient is: sender, log-in or TLS are set wrongly."""


class CannotWrite(Exception):
    """This one mail cannot be written; str(error) says why."""


class OutgoingMessage(Protocol):
    """One mail on its way to one address."""

    to: str
    breaks: int  # how often a connection broke before the server said a word about this mail
    late_after: float | None  # monotonic(): too late for its place in the rate, it is handed back

    def prepare(self, *, eight_bit: bool) -> None:
        """Write it already and keep that, in the expectation of `write(eight_bit=…, utf8=False)`."""
        ...

    def write(self, *, eight_bit: bool, utf8: bool) -> bytes:
        """The content with CRLF line ends, dots not stuffed; CannotWrite if that is impossible."""
        ...

    def as_django(self) -> EmailMultiAlternatives:
        """The same for a Django mail back end; CannotWrite if that is impossible."""
        ...


# None: not begun, through no fault of the server.
MailResult = tuple[OutgoingMessage, Result | ServerAway | None]


class Transport(Protocol):
    """Carries mails; every mail that was put comes back once, with its outcome or withdrawn."""

    @property
    def waiting(self) -> int:
        """How many mails are put and not begun."""
        ...

    @property
    def busy(self) -> int:
        """How many mails are begun and not answered."""
        ...

    @property
    def opening(self) -> bool:
        """Whether it can send nothing yet because its connections are still being opened."""
        ...

    def put(self, mails: Iterable[OutgoingMessage]) -> None: ...

    def poll(self, timeout: float) -> list[MailResult]:
        """Work for at most `timeout` seconds, less if there is an outcome.

        ServerAway or ConfigurationRefused if no mail can go; every mail that was begun has had its
        outcome by then.
        """
        ...

    def withdraw(self) -> list[OutgoingMessage]:
        """Take back what is not begun, and begin nothing of it."""
        ...

    def close(self) -> None: ...


def deliver(transport: Transport, mail: OutgoingMessage) -> Result:
    """Send one mail and wait for the answer; MailRefused if there is none."""
    transport.put([mail])
    while True:
        for _, result in transport.poll(1):
            if isinstance(result, Result):
                return result
            if result is not None:
                raise result
            transport.put([mail])
