"""What a server's replies mean: for one mail, and for the extensions it offers."""

import re

from mailer.transport.base import CannotWrite, Result, Verdict
from mailer.transport.features import Features
from mailer.transport.in_flight import Command, InFlight
from mailer.transport.refusals import Refusal, RefusalClass, classify
from mailer.transport.replies import Reply

NOT_KNOWN = (500, 501, 502, 503, 504, 555)  # replies to an unknown command or parameter
UTF8 = re.compile(r"SMTPUTF8|\b5\.6\.7\b", re.IGNORECASE)
TOO_FAST = re.compile(r"synchroni[sz]ation|pipelining|out of order", re.IGNORECASE)


def judge(reply: Reply, command: Command) -> Result:
    """What a refusal of one mail means."""
    return refused(reply.code, reply.text, command)


def cannot_write(error: CannotWrite) -> Result:
    """What one recipient's values make impossible concerns that recipient only."""
    refusal = Refusal(RefusalClass.RECIPIENT, True, False, None, "bad-address")
    return Result(Verdict.NEVER, f"This mail cannot be written: {error}"[:500], refusal)


def refused(code: int, text: str, command: Command) -> Result:
    verdict = Verdict.LATER if code < 500 else Verdict.NEVER
    return Result(verdict, text, classify(code, text, command=command.name))


def too_large(size: int, limit: int) -> Result:
    """RFC 1870 section 6.1: decided before anything is sent."""
    return refused(
        552, f"552 5.3.4 This mail has {size} octets, and the mail server takes {limit}.", Command.MAIL
    )


def unsupported(reply: Reply, command: Command, pending: InFlight, features: Features) -> set[str]:
    """The extensions that the server offers and refuses by this reply; no recipient pays for that."""
    if features.pipelining and TOO_FAST.search(reply.text):
        return {"PIPELINING"}
    if command is Command.CONTENT and pending.by_chunk and reply.code in NOT_KNOWN[:5]:
        return {"CHUNKING"}
    if pending.utf8 and reply.code >= 500 and _names_utf8(reply, command):
        return {"SMTPUTF8"}
    if command is Command.MAIL and reply.code in NOT_KNOWN and reply.code != 503 and not pending.utf8:
        offered = {"8BITMIME": features.eight_bit, "SIZE": features.size is not None}
        return {name for name, kept in offered.items() if kept}
    return set()


def _names_utf8(reply: Reply, command: Command) -> bool:
    """Whether it refuses the parameter or, at RCPT, says that it is the parameter that it refuses."""
    named = bool(UTF8.search(reply.text))
    if command is Command.MAIL:
        return named or (reply.code in NOT_KNOWN and reply.code != 503)
    return command is Command.RCPT and named and reply.code in NOT_KNOWN
