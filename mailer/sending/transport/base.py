from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from django.core.mail import EmailMultiAlternatives


class Verdict(Enum):
    """What a mail server's answer means for one mail (RFC 5321 section 4.2.1)."""

    ACCEPTED = "accepted"
    LATER = "later"  # 4yz: try again
    NEVER = "never"  # 5yz: failed for good


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    verdict: Verdict
    text: str  # as the server said it: "250 2.0.0 Ok"
    hard_bounce: bool = False  # the address itself does not exist (RFC 3463 section 3.2, X.1.z)


class MailRefused(Exception):
    """A mail did not go out; str(error) is an answer that a person can read."""


class ServerAway(MailRefused):
    """The server cannot be used just now.

    `in_hand`: the connection broke while it worked on this mail. `unknown`: it may have accepted it.
    """

    def __init__(self, text: str, *, in_hand: bool = False, unknown: bool = False) -> None:
        super().__init__(text)
        self.in_hand = in_hand or unknown
        self.unknown = unknown


class ConfigurationRefused(MailRefused):
    """The server refuses us, whoever the recipient is: sender, log-in or TLS are set wrongly."""


class Transport(Protocol):
    def send(self, mail: EmailMultiAlternatives, *, to: str) -> Answer:
        """Send one mail to one address; ServerAway or ConfigurationRefused if no mail can go."""
        ...

    def close(self) -> None: ...
