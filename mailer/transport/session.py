"""One open SMTP session: every command is remembered until its own reply has come.

The first mail goes by DATA and alone: its 354 can answer no other command, so that the server's replies to
MAIL, RCPT and the end of a mail are known for certain. From then on the next mail's MAIL, RCPT and DATA
follow the final dot in one write (PIPELINING, RFC 2920), or whole mails are sent ahead (CHUNKING, RFC 3030),
as long as the server's acceptances can be told from its other replies. After a refusal, mails go one by one.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from mailer.transport.acceptance import AcceptanceFilter
from mailer.transport.addresses import path
from mailer.transport.base import CannotWrite, MailResult, OutgoingMessage, Result, ServerAway, Verdict
from mailer.transport.features import Features
from mailer.transport.in_flight import Command, InFlight
from mailer.transport.replies import InvalidReply, Reply, ReplyReader
from mailer.transport.verdicts import cannot_write, judge, refused, too_large, unsupported

_STUFF = re.compile(rb"\n\.")
# The replies that come at once to a final dot and the MAIL, RCPT and DATA that followed it.
_USUAL = re.compile(
    rb"250 ([!-~]+(?: [!-~]+)*)\r\n250 ([ -~]{,400})\r\n250 ([ -~]{,400})\r\n354[ -~]{,400}\r\n"
)
MUCH = 1_000_000  # octets on the way, before which no other mail is begun beside them
_LONGEST_USUAL = 396  # octets of an acceptance; a longer one has to be cut
CLOSING = 421
MOST_ERRORS = 8  # refusals without an acceptance on one connection; servers delay or cut after ten
Sign = Callable[[bytes], bytes]  # takes a mail, returns it signed
_ENVELOPE = (Command.MAIL, Command.RCPT)
_NEXT = deque((Command.CONTENT, *_ENVELOPE, Command.DATA))
_REPLIES_TO_ENVELOPE = (Command.RSET, *_ENVELOPE)


class Broken(Exception):
    """This connection is over; str(error) says why."""


class Interrupted(Broken):
    """Broken, after some mails had their results."""

    def __init__(self, text: str, results: list[MailResult]) -> None:
        super().__init__(text)
        self.results = results


class SmtpSession:
    """The mails of one connection, in order."""

    def __init__(
        self, *, sender: str, features: Features, pipeline_depth: int, sign: Sign | None = None
    ) -> None:
        self.out = bytearray()  # to be written
        self.accepted = 0  # mails
        self.answered = 0  # mails: accepted or refused
        self.replies_read = 0
        self.distrusted: set[str] = set()  # extensions that were offered and are not supported properly
        self.retiring = False  # takes no more mails
        self._features = features
        self._sign = sign
        self._chunking = features.chunking and features.pipelining
        self._most_ahead = pipeline_depth if self._chunking else 2 if features.pipelining else 1
        self._depth = 1  # the most mails under way at once
        self._errors = 0  # refusals since the last acceptance
        self._mail = b"MAIL FROM:<%s>" % sender.encode() + b" BODY=8BITMIME" * features.eight_bit
        self._acceptance = AcceptanceFilter()
        self._learned = {False: False, True: False}  # whether acceptances are known, by DATA and by BDAT
        self._reader = ReplyReader()
        self._in_flight: deque[InFlight] = deque()
        self._waiting: deque[Command] = deque()  # for a reply; the first belongs to the first mail
        self._written = self._handed = self._queued = 0
        self._dirty = False  # the server may have an open transaction
        self._dot_due = False  # DATA was sent: nothing may follow before its reply
        # The last reply was a refusal: a server that then closes has begun nothing else.
        self._refused_last = False
        self._closing = False

    @property
    def busy(self) -> int:
        return len(self._in_flight)

    @property
    def can_accept(self) -> bool:
        """Whether another mail can begin now."""
        in_flight = self._in_flight
        if self.retiring or self._dot_due or len(in_flight) >= self._depth:
            return False
        if in_flight and len(self.out) + len(in_flight[-1].content) > MUCH:
            return False
        return not in_flight or not in_flight[-1].unsent

    @property
    def awaits_reply(self) -> bool:
        return bool(self._waiting)

    def handed(self, number: int) -> None:
        """So many octets of `out` were offered to the socket, which may have sent them or not."""
        self._handed = max(self._handed, self._written + number)

    def written(self, number: int) -> None:
        """The socket has taken so many octets of `out`."""
        del self.out[:number]
        self._written += number
        self._handed = max(self._handed, self._written)

    def begin(self, mail: OutgoingMessage) -> Result | None:
        """Begin a mail; returns a result at once if it cannot be sent over this server."""
        features = self._features
        try:
            to, utf8 = path(mail.to)
            if utf8 and not features.utf8:
                return refused(550, "550 5.6.7 The mail server takes no such address.", Command.RCPT)
            content = mail.write(eight_bit=features.eight_bit, utf8=utf8)
            if self._sign:
                content = self._sign(content)
        except CannotWrite as error:
            return cannot_write(error)
        if features.size and len(content) > features.size:
            return too_large(len(content), features.size)
        self._begin(InFlight(mail, content, utf8=utf8), to)
        return None

    def receive(self, data: bytes) -> list[MailResult]:
        """The results that these octets bring; raises Interrupted if they cannot be trusted."""
        if self._waiting == _NEXT and (usual := _USUAL.fullmatch(data)) and self._expects(usual):
            return [self._handle_usual_replies(usual)]
        results: list[MailResult] = []
        if self._chunking and self._reader.empty:
            data = data[self._handle_acceptances(data, results) :]
        try:
            for reply in self._reader.feed(data):
                if result := self._handle_reply(reply):
                    results.append(result)
        except (InvalidReply, Broken) as error:
            raise Interrupted(str(error), results) from error
        return results

    def abandon(self, why: str, *, ended: bool = False) -> list[MailResult]:
        """What the loss of the connection means for each mail without a result.

        `ended`: the server closed it properly. After a 421, or a refusal and a close, nothing was begun.
        """
        not_begun = self._closing or (ended and self._refused_last)
        results: list[MailResult] = []
        for place, pending in enumerate(self._in_flight):
            fate = pending.abandoned(
                why, first=not place, not_begun=not_begun, handed=self._handed, answered=self.answered
            )
            results.append((pending.mail, fate))
        self._in_flight.clear()
        self._waiting.clear()
        return results

    def timed_out(self) -> None:
        """A reply is overdue: the server may not support what it offers."""
        if not self._in_flight or not self._waiting:
            return
        if self._in_flight[0].by_chunk and self._waiting[0] is Command.CONTENT:
            self.distrusted.add("CHUNKING")
        elif len(self._waiting) > 1 and not self.accepted:
            self.distrusted.add("PIPELINING")

    def _begin(self, pending: InFlight, to: bytes) -> None:
        pending.by_chunk = self._chunking and self._learned[False]
        commands: tuple[Command, ...] = _ENVELOPE
        octets = self._mail_line(pending) + b"RCPT TO:<%b>\r\n" % to
        if self._dirty or (pending.by_chunk and self._in_flight):
            # A mail sent ahead must not fall into a transaction that the server left open.
            commands, octets = _REPLIES_TO_ENVELOPE, b"RSET\r\n" + octets
            self._dirty = False
        self._in_flight.append(pending)
        last, content = Command.DATA, b"DATA\r\n"
        if pending.by_chunk:
            last, content = Command.CONTENT, b"BDAT %d LAST\r\n%b" % (len(pending.content), pending.content)
            pending.content = b""
        if self._features.pipelining and not self._errors:
            self._send_commands(pending, (*commands, last), octets + content)
            return
        if self._features.pipelining:
            pending.unsent = [(commands, octets)]  # a refusal counts as one error, not two
        else:
            lines = octets.splitlines(keepends=True)
            pending.unsent = [((command,), line) for command, line in zip(commands, lines, strict=True)]
        pending.unsent.append(((last,), content))
        self._send_next(pending)

    def _mail_line(self, pending: InFlight) -> bytes:
        size = b" SIZE=%d" % len(pending.content) if self._features.size is not None else b""
        return b"%b%b%b\r\n" % (self._mail, size, b" SMTPUTF8" if pending.utf8 else b"")

    def _expects(self, usual: re.Match[bytes]) -> bool:
        return (
            self._in_flight[0].known is None
            and self._reader.empty
            and len(usual[1]) <= _LONGEST_USUAL
            and self._acceptance.tells_apart(*usual.group(1, 2, 3))
        )

    def _handle_usual_replies(self, usual: re.Match[bytes]) -> MailResult:
        """A fast path for the four usual replies at once: one mail accepted, the next may come."""
        pending, following = self._in_flight
        self._waiting.clear()
        self._in_flight.popleft()
        self.replies_read += len(_NEXT)
        self._note_acceptance()
        pending.replies_due = following.replies_due = 0
        following.begun = True
        self._dot_due = False
        self._send_content(following)
        return pending.mail, Result(Verdict.ACCEPTED, "250 " + usual[1].decode("ascii"))

    def _handle_acceptances(self, data: bytes, results: list[MailResult]) -> int:
        """A fast path for mails sent ahead: collect the accepted ones, return how many octets that was."""
        end, in_flight, is_usual = 0, self._in_flight, self._acceptance.is_usual
        taken_by_due = self._acceptance.ahead()
        while in_flight and taken_by_due:
            pending = in_flight[0]
            due = pending.replies_due
            if pending.known is not None or not pending.by_chunk or pending.unsent or pending.doubtful:
                break
            taken = taken_by_due[due].match(data, end)
            if not taken:
                break
            last = taken[1]
            if last is None:
                end = taken.end()
                self._note_read(due - 1)
                pending.replies_due = 1
                pending.begun |= due > 1
                break
            if len(last) > _LONGEST_USUAL or not is_usual(last):
                break
            end = taken.end()
            self._note_read(due)
            self._learned[True] = True
            self._note_acceptance()
            in_flight.popleft()
            results.append((pending.mail, Result(Verdict.ACCEPTED, "250 " + last.decode("ascii"))))
        return end

    def _note_read(self, number: int) -> None:
        self.replies_read += number
        for _ in range(number):
            self._waiting.popleft()

    def _handle_reply(self, reply: Reply) -> MailResult | None:
        if not self._waiting:
            self._closing |= reply.code == CLOSING
            raise Broken(reply.text if reply.code == CLOSING else f"Not asked for: {reply.text}")
        command, pending = self._waiting[0], self._in_flight[0]
        self._refused_last = reply.code >= 400
        if reply.code == CLOSING:
            self._close(command, pending, reply)
            raise Broken(reply.text)
        self.replies_read += 1
        self._apply_reply(command, pending, reply)
        self._waiting.popleft()
        pending.replies_due -= 1
        if pending.replies_due:
            return None
        if pending.unsent:
            self._send_next(pending)
            return None
        return self._finish(pending, reply)

    def _close(self, command: Command, pending: InFlight, reply: Reply) -> None:
        """Handle 421, which concerns the command it answers: only at MAIL was nothing in hand."""
        self._closing = True
        if pending.known is None and command not in (Command.RSET, Command.MAIL):
            pending.known = judge(reply, command)

    def _apply_reply(self, command: Command, pending: InFlight, reply: Reply) -> None:
        """Act on the reply to one command."""
        kind = reply.code // 100
        if (kind == 3) != (command is Command.DATA and reply.code == 354) or (
            kind == 2 and command is Command.DATA
        ):
            raise Broken(f"Not an answer: {reply.text}")
        if command is Command.RSET:
            self._after_reset(pending, reply)
            return
        pending.begun = True
        if command is Command.DATA:
            self._dot_due = False
        if kind == 3:
            self._send_content(pending)
        elif kind != 2:
            self._refuse(command, pending, reply)
        elif command in _REPLIES_TO_ENVELOPE:
            self._note_envelope(pending, reply)

    def _after_reset(self, pending: InFlight, reply: Reply) -> None:
        if reply.code < 300:
            self._note_envelope(pending, reply)
            return
        # Nobody knows whether the mails under way have transactions of their own.
        self.retiring = True
        for behind in self._in_flight:
            behind.doubtful = True
        pending.unsent = []

    def _note_envelope(self, pending: InFlight, reply: Reply) -> None:
        """Remember a positive reply to RSET, MAIL or RCPT; in doubt if it is how a mail is accepted."""
        text = b" ".join(reply.lines)
        if (pending.by_chunk or len(self._in_flight) > 1) and self._acceptance.accepts(text):
            self._doubt(f"Not the reply to a command: {reply.text}")
        self._acceptance.note_envelope(text)

    def _send_commands(self, pending: InFlight, commands: tuple[Command, ...], octets: bytes) -> None:
        """Send one command or several; the last of them decides what may follow."""
        self.out += octets
        self._queued += len(octets)
        self._waiting.extend(commands)
        pending.replies_due += len(commands)
        if commands[-1] is Command.DATA:
            self._dot_due = True
        elif commands[-1] is Command.CONTENT:
            pending.end = self._queued

    def _send_next(self, pending: InFlight) -> None:
        self._send_commands(pending, *pending.unsent.pop(0))

    def _send_content(self, pending: InFlight) -> None:
        if pending.known is None:
            content = pending.content
            if _STUFF.search(content):
                content = content.replace(b"\r\n.", b"\r\n..")  # RFC 5321 section 4.5.2
            self._send_commands(pending, (Command.CONTENT,), content + b".\r\n")
        else:
            # No recipient was accepted, yet it asks for content: a lone dot ends that (RFC 2920 section 3.1).
            self._send_commands(pending, (Command.CONTENT,), b".\r\n")
            pending.end = 0
        pending.content = b""

    def _refuse(self, command: Command, pending: InFlight, reply: Reply) -> None:
        pending.unsent = []
        if pending.known is None:
            if command is Command.MAIL and reply.code < 500 and self.accepted:
                # It accepted others before: perhaps a limit of this connection. The next one will show.
                self.retiring, pending.known = True, ServerAway(reply.text, server=False)
                return
            self._dirty = pending.by_chunk or command in (Command.RCPT, Command.DATA)
            self._note_refusal()
            unreliable = unsupported(reply, command, pending, self._features)
            if not unreliable <= self.distrusted:
                self.distrusted |= unreliable
                self._closing = True
                raise Broken(reply.text)
            pending.known = judge(reply, command)

    def _note_refusal(self) -> None:
        self._errors += 1
        self._depth = 1
        self.retiring |= self._errors >= MOST_ERRORS

    def _note_acceptance(self) -> None:
        self.accepted += 1
        self.answered += 1
        if self._errors or self._depth < self._most_ahead:
            self._errors = 0
            # One mail at a time until the server's wording is known, and after a refusal.
            ahead = min(2 * max(2, self._depth), self._most_ahead)
            self._depth = ahead if self._learned[self._chunking] else 1

    def _finish(self, pending: InFlight, reply: Reply) -> MailResult:
        self._in_flight.popleft()
        if pending.known is not None:
            self.answered += isinstance(pending.known, Result)
            return pending.mail, pending.known
        if 200 <= reply.code < 300:
            text = b" ".join(reply.lines)
            if pending.doubtful or not self._accepts(pending, text):
                self._in_flight.appendleft(pending)
                self._doubt(f"Not the acceptance of a mail: {reply.text}")
            self._note_acceptance()
            return pending.mail, Result(Verdict.ACCEPTED, reply.text)
        if pending.doubtful:
            return pending.mail, ServerAway(reply.text, in_hand=True, server=False)
        self.answered += 1
        self._note_refusal()
        return pending.mail, judge(reply, Command.CONTENT)

    def _accepts(self, pending: InFlight, text: bytes) -> bool:
        """Whether this positive reply can only be the acceptance of this mail."""
        if not self._in_flight and not self._learned[pending.by_chunk]:
            told_apart = self._acceptance.learn(text)
            self._learned[pending.by_chunk] = told_apart and self._acceptance.certain
            # With DATA, the 354 has shown that no reply is missing, whatever other replies look like.
            return told_apart or not pending.by_chunk
        if not self._in_flight and not pending.by_chunk:
            return True
        return self._acceptance.accepts(text)

    def _doubt(self, why: str) -> NoReturn:
        """A reply may be missing, or there is one too many: the fate of all mails under way is unknown."""
        self.distrusted.add("CHUNKING" if self._chunking else "PIPELINING")
        raise Broken(why)
