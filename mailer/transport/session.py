"""What is said on one open connection: every command is remembered until its own reply has come.

With PIPELINING (RFC 2920) the next mail's MAIL, RCPT and DATA follow the final dot in one write. With
CHUNKING (RFC 3030) whole mails are written ahead. Without either it is one command, one reply.
"""

import re
from collections import deque
from enum import IntEnum

from mailer.transport.addresses import path
from mailer.transport.base import (
    CannotWrite,
    ConfigurationRefused,
    MailRefused,
    MailResult,
    OutgoingMessage,
    Result,
    ServerAway,
    Verdict,
)
from mailer.transport.handshake import Features
from mailer.transport.replies import Nonsense, Reply, ReplyReader

_NO_LOG_IN = (530, 534, 535, 538)  # RFC 4954 section 6
_SENDER = re.compile(r"5\d\d[ -]5\.1\.[78]\b|5.*\bsender address rejected\b", re.IGNORECASE)
_NO_SUCH_ADDRESS = re.compile(r"55\d[ -]5\.1\.(?![78]\b)\d")
_STUFF = re.compile(rb"\n\.")
# What a server says in one breath to a final dot and the MAIL, RCPT and DATA that followed it.
_USUAL = re.compile(rb"(250 [!-~]+(?: [!-~]+)*)\r\n250 [ -~]{,400}\r\n250 [ -~]{,400}\r\n354[ -~]{,400}\r\n")
# What it says to a mail that was written ahead (RSET, MAIL, RCPT, BDAT), by how many of the replies are due.
# The last often comes by itself, for it waits for the content.
_TAKEN = {
    due: re.compile(rb"(?:250 [ -~]{,400}\r\n){%d}(?:(250 [!-~]+(?: [!-~]+)*)\r\n)?" % (due - 1))
    for due in (1, 2, 3, 4)
}
_LONGEST_USUAL = 400  # octets of what is said to a mail's end; a longer one has to be cut
CLOSING = 421


class Command(IntEnum):
    RSET = 0
    MAIL = 1
    RCPT = 2
    DATA = 3
    CONTENT = 4


_MAIL = (Command.MAIL, Command.RCPT, Command.DATA)
_NEXT = deque((Command.CONTENT, *_MAIL))


class Broken(Exception):
    """This connection is over; str(error) says why."""


class InFlight:
    """A mail on this connection."""

    __slots__ = ("begun", "content", "due", "end", "known", "mail", "unsent")

    def __init__(self, mail: OutgoingMessage, content: bytes) -> None:
        self.mail = mail
        self.content = content
        self.end = 0  # how much must have been written for the server to have all of it
        self.due = 0  # replies still to come
        self.begun = False  # the server has said something about it
        self.known: Result | MailRefused | None = None  # a refusal that came before the end
        self.unsent: list[tuple[Command, bytes]] = []  # not said yet, without PIPELINING


class SmtpSession:
    """The mails of one connection, in order."""

    def __init__(self, *, sender: str, features: Features, pipeline_depth: int) -> None:
        self.out = bytearray()  # to be written
        self.answered = 0  # mails
        self.replies_read = 0  # replies
        self.refused: MailRefused | None = None  # no mail can be sent on this connection
        self._features = features
        self._chunking = features.chunking and features.pipelining
        self._pipeline_depth = pipeline_depth if self._chunking else 2 if features.pipelining else 1
        mail = b"MAIL FROM:<%s>" % sender.encode() + (b" BODY=8BITMIME" if features.eight_bit else b"")
        self._mail, self._mail_utf8 = mail + b"\r\n", mail + b" SMTPUTF8\r\n"
        self._reader = ReplyReader()
        self._in_flight: deque[InFlight] = deque()
        self._waiting: deque[Command] = deque()  # for a reply; the first is said of the first flight
        self._written = self._said = 0
        self._dirty = False  # a transaction may be open on the server
        self._dot_due = False  # DATA is said: nothing may follow before its reply

    @property
    def busy(self) -> int:
        return len(self._in_flight)

    @property
    def can_accept(self) -> bool:
        """Whether another mail can begin now."""
        return len(self._in_flight) < self._pipeline_depth and not self._dot_due and self.refused is None

    @property
    def awaits_reply(self) -> bool:
        """Whether a reply is due."""
        return bool(self._waiting)

    def written(self, number: int) -> None:
        """So many octets of `out` have been handed over."""
        del self.out[:number]
        self._written += number

    def begin(self, mail: OutgoingMessage) -> Result | None:
        """Begin with a mail; an answer at once if it cannot be sent over this server."""
        features = self._features
        try:
            to, utf8 = path(mail.to)
            if utf8 and not features.utf8:
                return Result(verdict=Verdict.NEVER, text="550 5.6.7 The mail server takes no such address.")
            content = mail.write(eight_bit=features.eight_bit, utf8=utf8)
        except CannotWrite as error:
            return Result(verdict=Verdict.NEVER, text=f"This mail cannot be written: {error}"[:500])
        flight = InFlight(mail, content)
        lines = [self._mail_utf8 if utf8 else self._mail, b"RCPT TO:<%s>\r\n" % to]
        what: tuple[Command, ...] = _MAIL
        if self._dirty or (self._chunking and self._in_flight):
            # What is written ahead must not fall into a transaction that the server left open.
            lines.insert(0, b"RSET\r\n")
            what = (Command.RSET, *_MAIL)
        self._dirty = False
        self._in_flight.append(flight)
        if self._chunking:
            lines.append(b"BDAT %d LAST\r\n%b" % (len(content), content))
            what = (*what[:-1], Command.CONTENT)
            flight.content = b""
        else:
            lines.append(b"DATA\r\n")
        if features.pipelining:
            self._send_commands(flight, what, b"".join(lines))
        else:
            flight.unsent = list(zip(what, lines, strict=True))
            self._send_next(flight)
        return None

    def receive(self, data: bytes) -> list[MailResult]:
        """The outcomes that these octets bring; Broken if the connection cannot be trusted any more."""
        if self._waiting == _NEXT and (usual := _USUAL.fullmatch(data)) and self._expects(usual):
            return [self._handle_usual_replies(usual)]
        outcomes: list[MailResult] = []
        if self._chunking and self._reader.empty:
            data = data[self._handle_acceptances(data, outcomes) :]
        try:
            for reply in self._reader.feed(data):
                if outcome := self._handle_reply(reply):
                    outcomes.append(outcome)
        except (Nonsense, Broken) as error:
            raise Interrupted(str(error), outcomes) from error
        return outcomes

    def abandon(self, why: str) -> list[MailResult]:
        """The connection is gone: what that means for each mail that has had no outcome."""
        outcomes: list[MailResult] = []
        first = True
        for flight in self._in_flight:
            if isinstance(flight.known, Result):
                outcomes.append((flight.mail, flight.known))
                continue
            if isinstance(flight.known, ConfigurationRefused):
                self.refused = flight.known
            unknown = 0 < flight.end <= self._written and flight.known is None
            # A kept connection that went stale is nobody's fault; twice in a row it may be the mail's.
            in_hand = first and flight.known is None and (
                flight.begun or not self.answered or flight.mail.breaks > 0
            )  # fmt: skip
            flight.mail.breaks += first
            first = False
            outcomes.append((flight.mail, ServerAway(why, in_hand=in_hand, unknown=unknown)))
        self._in_flight.clear()
        self._waiting.clear()
        return outcomes

    def _handle_reply(self, reply: Reply) -> MailResult | None:
        if not self._waiting:
            raise Broken(reply.text if reply.code == CLOSING else f"Not asked for: {reply.text}")
        said, flight = self._waiting[0], self._in_flight[0]
        if reply.code == 250 and (said is Command.MAIL or said is Command.RCPT) and not flight.unsent:
            # The usual case, for speed: yes, and what follows is said already.
            self._waiting.popleft()
            self.replies_read += 1
            flight.due -= 1
            flight.begun = True
            return None
        if reply.code == CLOSING:
            self._closing(said, flight)
            raise Broken(reply.text)
        self.replies_read += 1
        self._apply_reply(said, flight, reply)
        self._waiting.popleft()
        flight.due -= 1
        return None if flight.due or flight.unsent else self._finish(flight, reply)

    def _expects(self, usual: re.Match[bytes]) -> bool:
        return self._in_flight[0].known is None and self._reader.empty and len(usual[1]) <= _LONGEST_USUAL

    def _handle_usual_replies(self, usual: re.Match[bytes]) -> MailResult:
        """The same as hearing the four replies one by one, for speed: one mail taken, the next may come."""
        flight, following = self._in_flight
        self._waiting.clear()
        self._in_flight.popleft()
        self.replies_read += len(_NEXT)
        self.answered += 1
        flight.due = following.due = 0
        following.begun = True
        self._dot_due = False
        self._send_content(following)
        return flight.mail, Result(Verdict.ACCEPTED, usual[1].decode("ascii"))

    def _handle_acceptances(self, data: bytes, outcomes: list[MailResult]) -> int:
        """The same for mails that were written ahead: note those taken, return how many octets say so."""
        end = 0
        while self._in_flight and self._in_flight[0].known is None:
            flight = self._in_flight[0]
            taken = _TAKEN[flight.due].match(data, end)
            if not taken or len(taken[1] or b"") > _LONGEST_USUAL:
                break
            end, last = taken.end(), taken[1]
            replies_read = flight.due if last else flight.due - 1
            for _ in range(replies_read):
                self._waiting.popleft()
            self.replies_read += replies_read
            if not last:
                flight.due -= replies_read
                flight.begun |= replies_read > 0
                break
            self.answered += 1
            self._in_flight.popleft()
            outcomes.append((flight.mail, Result(Verdict.ACCEPTED, last.decode("ascii"))))
        return end

    def _send_commands(self, flight: InFlight, what: tuple[Command, ...], octets: bytes) -> None:
        """Say one thing or several; the last of them decides what may follow."""
        self.out += octets
        self._said += len(octets)
        self._waiting.extend(what)
        flight.due += len(what)
        if what[-1] is Command.DATA:
            self._dot_due = True
        elif what[-1] is Command.CONTENT:
            flight.end = self._said

    def _send_next(self, flight: InFlight) -> None:
        said, line = flight.unsent.pop(0)
        self._send_commands(flight, (said,), line)

    def _closing(self, said: Command, flight: InFlight) -> None:
        """421 is about the command it answers: at MAIL nothing was in hand, at the end it was not taken."""
        if said in (Command.RSET, Command.MAIL):
            flight.known = flight.known or ServerAway("")
        else:
            flight.begun = True
            flight.end = 0

    def _apply_reply(self, said: Command, flight: InFlight, reply: Reply) -> None:
        """What the reply to one command means for the next."""
        kind = reply.code // 100
        if (kind == 3) != (said is Command.DATA and reply.code == 354) or (
            kind == 2 and said is Command.DATA
        ):
            raise Broken(f"Not an answer: {reply.text}")
        if said is Command.RSET:
            if kind != 2:
                raise Broken(reply.text)
        else:
            flight.begun = True
        if said is Command.DATA:
            self._dot_due = False
        if kind == 3:
            self._send_content(flight)
        elif kind != 2:
            self._refuse(flight, _sender_refused(reply) if said is Command.MAIL else judge(reply))
        elif flight.unsent:
            self._send_next(flight)

    def _send_content(self, flight: InFlight) -> None:
        if flight.known is None:
            content = flight.content
            if _STUFF.search(content):
                content = content.replace(b"\r\n.", b"\r\n..")  # RFC 5321 section 4.5.2
            self._send_commands(flight, (Command.CONTENT,), content + b".\r\n")
        else:
            # No recipient, and yet it wants a mail: a lone dot gives it none (RFC 2920 section 3.1).
            self._send_commands(flight, (Command.CONTENT,), b".\r\n")
            flight.end = 0
        flight.content = b""

    def _refuse(self, flight: InFlight, why: Result | MailRefused) -> None:
        flight.known = flight.known or why
        flight.unsent = []
        self._dirty = True

    def _finish(self, flight: InFlight, reply: Reply) -> MailResult:
        self._in_flight.popleft()
        known = judge(reply) if flight.known is None else flight.known
        if isinstance(known, Result):
            self.answered += 1
            return flight.mail, known
        self.refused = self.refused or known
        return flight.mail, None


class Interrupted(Broken):
    """Broken, after some mails had their outcome."""

    def __init__(self, text: str, outcomes: list[MailResult]) -> None:
        super().__init__(text)
        self.outcomes = outcomes


def judge(reply: Reply) -> Result | ConfigurationRefused:
    """What a final answer about one mail means; some are about us and not about the recipient."""
    text = reply.text
    if 200 <= reply.code < 300:
        return Result(verdict=Verdict.ACCEPTED, text=text)
    if 400 <= reply.code < 500:
        return Result(verdict=Verdict.LATER, text=text)
    if reply.code in _NO_LOG_IN:
        return ConfigurationRefused(f"The server wants a log-in: {text}")
    if _SENDER.match(text):
        return ConfigurationRefused(f"The sender was refused: {text}")
    return Result(verdict=Verdict.NEVER, text=text, hard_bounce=bool(_NO_SUCH_ADDRESS.match(text)))


def _sender_refused(reply: Reply) -> MailRefused:
    if 500 <= reply.code < 600:
        return ConfigurationRefused(f"The sender was refused: {reply.text}")
    return ServerAway(reply.text)
