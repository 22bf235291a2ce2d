"""One mail on an SMTP connection, and the commands it takes there."""

from enum import IntEnum

from mailer.transport.base import OutgoingMessage, Result, ServerAway


class Command(IntEnum):
    RSET = 0
    MAIL = 1
    RCPT = 2
    DATA = 3
    CONTENT = 4


class InFlight:
    """A mail on this connection."""

    __slots__ = (
        "begun",
        "by_chunk",
        "content",
        "doubtful",
        "end",
        "known",
        "mail",
        "replies_due",
        "unsent",
        "utf8",
    )

    def __init__(self, mail: OutgoingMessage, content: bytes, *, utf8: bool) -> None:
        self.mail = mail
        self.content = content
        self.utf8 = utf8
        self.by_chunk = False
        self.end = 0  # octets that must have been handed over for the server to have all of it
        self.replies_due = 0
        self.begun = False  # the server has answered one of its commands
        self.doubtful = False  # a positive reply at its end cannot be trusted
        self.known: Result | ServerAway | None = None  # its result, if a refusal came before the end
        self.unsent: list[tuple[tuple[Command, ...], bytes]] = []  # sent once the replies due have come

    def abandoned(
        self, why: str, *, first: bool, not_begun: bool, handed: int, answered: int
    ) -> Result | ServerAway:
        """What the loss of the connection means for this mail.

        `first`: the next reply would have been about it. `handed`: the octets that have been offered to the
        socket. `answered`: how many mails had their answer on this connection.
        """
        if self.known is not None:
            return self.known
        if not_begun:
            return ServerAway(why, server=False)
        unknown = 0 < self.end <= handed
        # A stale kept connection is nobody's fault; twice in a row it may be the mail's.
        in_hand = first and (self.begun or not answered or self.mail.breaks > 0)
        self.mail.breaks += first
        return ServerAway(why, in_hand=in_hand, unknown=unknown, server=not answered)
