"""An SMTP server that misbehaves as told: it cuts, stalls, floods, lies, and says what it saw.

It reads octets and not lines, so that it sees exactly what was written and when.
"""

import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

PLAIN = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
CHUNKS = (*PLAIN, "CHUNKING")


class Cut(Exception):
    """Close the connection now."""


@dataclass
class Taken:
    recipient: str
    content: bytes  # as it arrived, dots not stuffed
    options: str  # of MAIL
    session: "Session"


@dataclass
class RoughServer:
    """`answer(session, verb, line)` may return another answer, None for the usual one, or raise Cut.

    The verbs are those of SMTP, GREET for the greeting and DOT for the end of the content. `before` is called
    with the mail when all of it has arrived: from then on it counts as accepted.
    """

    offers: Iterable[str] = PLAIN
    answer: Callable[["Session", str, str], bytes | str | None] = lambda *_: None
    context: ssl.SSLContext | None = None
    implicit_tls: bool = False
    taken: list[Taken] = field(default_factory=list)
    sessions: list["Session"] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        for session in self.sessions:
            session.hang_up()

    @property
    def recipients(self) -> list[str]:
        return [mail.recipient for mail in self.taken]

    def receive_ahead(self, octets: int) -> None:
        """Have the system receive no more than so many octets before they are read, from now on."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)

    def take(self, mail: Taken) -> int:
        with self._lock:
            self.taken.append(mail)
            return len(self.taken)

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            session = Session(self, connection)
            self.sessions.append(session)
            threading.Thread(target=session.run, daemon=True).start()


class Session:
    """One connection; `said` holds every line that came, `bursts` every piece as it was read."""

    def __init__(self, server: RoughServer, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.said: list[str] = []
        self.bursts: list[bytes] = []
        self.mails = 0
        self.closed = threading.Event()
        self._buffer = b""
        self._options = self._sender = ""
        self._recipients: list[str] = []

    def run(self) -> None:
        try:
            if self.server.implicit_tls:
                self._secure()
            self._respond("GREET", "", "220 rough ESMTP")
            while line := self._line():
                self._obey(line)
        except (Cut, OSError):
            pass
        finally:
            self.hang_up()
            self.closed.set()

    def hang_up(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def reset(self) -> None:
        """Close like a server that has unread data; what it has sent gets through."""
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def _obey(self, line: str) -> None:
        verb = re.split("[ :]", line, maxsplit=1)[0].upper()
        handler = getattr(self, f"_do_{verb.lower()}", None)
        if handler:
            handler(line)
        else:
            self._respond(verb, line, "250 2.0.0 Ok")

    def _do_ehlo(self, line: str) -> None:
        words = ["rough", *self.server.offers]
        usual = "\r\n".join([*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}"])
        self._respond("EHLO", line, usual)

    def _do_starttls(self, line: str) -> None:
        self._respond("STARTTLS", line, "220 2.0.0 Ready")
        self._secure()

    def _do_auth(self, line: str) -> None:
        if line == "AUTH LOGIN":
            for word in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                self._respond("AUTH", line, f"334 {word}")
                line = f"{line} {self._line()}"
        self._respond("AUTH", line, "235 2.7.0 Ok")

    def _do_mail(self, line: str) -> None:
        if self._sender:
            self._respond("NESTED", line, "503 5.5.1 nested MAIL command")
            return
        said = self._respond("MAIL", line, "250 2.1.0 Ok")
        if said.startswith(b"250"):
            self._sender, self._options, self._recipients = line, line.partition(">")[2].strip(), []

    def _do_rset(self, line: str) -> None:
        self._sender, self._recipients = "", []
        self._respond("RSET", line, "250 2.0.0 Ok")

    def _do_rcpt(self, line: str) -> None:
        usual = "250 2.1.5 Ok" if self._sender else "503 5.5.1 need MAIL"
        said = self._respond("RCPT", line, usual)
        if said.startswith(b"250"):
            self._recipients.append(re.search("<(.*)>", line)[1])

    def _do_data(self, line: str) -> None:
        usual = "354 End with a dot" if self._recipients else "554 5.5.1 no valid recipients"
        if not self._respond("DATA", line, usual).startswith(b"354"):
            return
        while b"\r\n.\r\n" not in b"\r\n" + self._buffer:
            self._read()
        content, _, self._buffer = (b"\r\n" + self._buffer).partition(b"\r\n.\r\n")
        self._end((content + b"\r\n")[2:].replace(b"\r\n..", b"\r\n."))

    def _do_bdat(self, line: str) -> None:
        size = int(line.split()[1])
        while len(self._buffer) < size:
            self._read()
        content, self._buffer = self._buffer[:size], self._buffer[size:]
        if not self._recipients:
            self._respond("DOT", line, "503 5.5.1 no valid recipients")
            return
        self._end(content)

    def _end(self, content: bytes) -> None:
        """All of a mail is here: it is accepted, unless the answer says otherwise."""
        to = self._recipients[-1] if self._recipients else ""
        self.mails += 1
        answer = self.server.answer
        taken = Taken(to, content, self._options, self)
        self._sender, self._recipients = "", []
        said: bytes | str | None
        try:
            said = answer(self, "DOT", to)
        except Cut:  # "accepts and then cuts"
            self.server.take(taken)
            raise
        if said is None:
            said = f"250 2.0.0 Ok: queued as {self.server.take(taken):010X}"
        self.send(said if isinstance(said, bytes) else said.encode() + b"\r\n")

    def _respond(self, verb: str, line: str, usual: str) -> bytes:
        said = self.server.answer(self, verb, line)
        if said is None:
            said = usual
        data = said if isinstance(said, bytes) else said.encode() + b"\r\n"
        self.send(data)
        return data

    def _line(self) -> str:
        while b"\r\n" not in self._buffer:
            self._read()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        self.said.append(line.decode("utf-8", "replace"))
        return self.said[-1]

    def _read(self) -> None:
        data = self.connection.recv(1 << 20)
        if not data:
            raise Cut
        self.bursts.append(data)
        self._buffer += data

    def _secure(self) -> None:
        assert self.server.context
        self._buffer = b""
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)


def at(verb: str, reply: Any, times: int = 10**9, to: str = "") -> Callable[..., Any]:
    """A rule that answers one verb differently, so many times."""
    left = [times]

    def answer(session: Session, said: str, line: str) -> Any:
        if said == verb and to in line and left[0] > 0:
            left[0] -= 1
            if isinstance(reply, type):
                raise reply
            return reply(session) if callable(reply) else reply
        return None

    return answer
