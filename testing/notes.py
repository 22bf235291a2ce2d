"""The smallest mails that can be sent, without a database, and their results."""

from time import monotonic
from typing import Any

from django.core.mail import EmailMultiAlternatives

from mailer.transport import ConfigurationRefused, Result, ServerAway, Verdict
from mailer.transport.pool import SmtpTransport

BODY = "Subject: x\r\n\r\n.dot\r\nпривет\r\n"


class Note:
    """A mail of a few lines."""

    def __init__(self, to: str, content: str = BODY) -> None:
        self.to, self.content = to, content
        self.breaks = 0
        self.late_after: float | None = None

    def prepare(self, *, eight_bit: bool) -> None:
        pass

    def as_django(self) -> EmailMultiAlternatives:
        raise NotImplementedError

    def write(self, *, eight_bit: bool, utf8: bool) -> bytes:
        return (self.content if eight_bit else "Subject: x\r\n\r\n.dot\r\n").encode()


def names(number: int) -> list[str]:
    """So many addresses."""
    return [f"{n}@example.org" for n in range(number)]


def send(addresses: list[str], *, content: str = BODY, **how: Any) -> tuple[dict[str, Any], Exception | None]:
    """Send to all and return {address: outcome}, and the error that ended it, if one did."""
    transport = SmtpTransport(**how)
    transport.put([Note(address, content) for address in addresses])
    outcomes: dict[str, Any] = {}
    error: Exception | None = None
    end = monotonic() + 20
    try:
        while (transport.waiting or transport.busy) and monotonic() < end:
            for mail, said in transport.poll(0.2):
                assert mail.to not in outcomes, "one outcome each"
                outcomes[mail.to] = said
        assert transport.poll(0) == []  # raises what there is to say about the server
    except (ServerAway, ConfigurationRefused) as caught:
        error = caught
    finally:
        left = [mail.to for mail in transport.withdraw()]
        transport.close()
    assert sorted([*outcomes, *left]) == sorted(addresses), "every mail comes back"
    return outcomes, error


def accepted(outcomes: dict[str, Any]) -> list[str]:
    """For whom the server accepted a mail."""
    return sorted(
        to for to, said in outcomes.items() if isinstance(said, Result) and said.verdict is Verdict.ACCEPTED
    )
