"""A mail server that writes down every mail it takes, at the instant it takes it: the judge of the drills.

python -m bench.sink --port 11025 --log mails.log [--delay 0.05] [--chunking] [--defer 0.3 --defer-for 20]
    [--wall FILE] [--dead 0.03] [--poison poison] [--tls starttls --certificate FILE] [--buffer 4096]
Each line of the log: the recipient, the Message-ID, the time, the client's name. A mail is in the log
before it is answered. What was refused stands in the log's neighbour, `mails.log.refused`.
"""

import argparse
import asyncio
import hashlib
import os
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

_PATH = re.compile(rb"<([^>]*)>")
_ID = re.compile(rb"^Message-ID: *(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)


@dataclass
class Sink:
    log: int  # a file descriptor, written to without a buffer
    delay: float
    chunking: bool
    defer: float
    defer_until: float
    refused: int  # a file descriptor
    wall: Path | None = None  # while this file is there, what it says is the answer to every mail
    dead: float = 0  # the part of the recipients that do not exist
    poison: bytes = b""  # recipients whose address begins like this make it cut the connection
    starttls: ssl.SSLContext | None = None
    taken: int = field(default=0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Dialogue(self, reader, writer).run()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def deferred(self, to: bytes) -> bool:
        """At first a part of the recipients, always the same ones, is deferred."""
        return time.time() < self.defer_until and _place(to) < self.defer

    def take(self, to: bytes, content: bytes, name: bytes) -> bytes:
        """Write the mail down, unless there is a wall; return the reply."""
        if self.wall and self.wall.exists() and (said := self.wall.read_bytes().strip()):
            return self.refuse(to, said)
        found = _ID.search(content)
        line = b"%b %b %.3f %b\n" % (to, found[1] if found else b"-", time.time(), name)
        os.write(self.log, line)
        self.taken += 1
        return b"250 2.0.0 Ok: queued as %X\r\n" % self.taken

    def refuse(self, to: bytes, said: bytes) -> bytes:
        os.write(self.refused, b"%b %b\n" % (to, said))
        return said + b"\r\n"


def _place(to: bytes) -> float:
    """Where a recipient stands among all, from 0 to 1, always the same."""
    return int.from_bytes(hashlib.sha256(to).digest()[:2]) / 65536


@dataclass
class Dialogue:
    sink: Sink
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    to: bytes = b""
    name: bytes = b"-"

    async def run(self) -> None:
        self.writer.write(b"220 sink ESMTP\r\n")
        while line := await self.reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                await self._data()
            elif verb == b"BDAT":
                await self._end(await self.reader.readexactly(int(line.split()[1])))
            elif line.upper() == b"STARTTLS\r\n" and self.sink.starttls:
                self.writer.write(b"220 2.0.0 Go ahead\r\n")
                await self.writer.start_tls(self.sink.starttls)
            elif verb == b"QUIT":
                self.writer.write(b"221 2.0.0 Bye\r\n")
                return
            else:
                self.writer.write(self._answer(verb, line))
            if not self.reader._buffer:  # type: ignore[attr-defined]  # answers to a burst go out together
                await self.writer.drain()

    def _answer(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"EHLO":
            self.name = line.split()[1]
            chunking = b"250-CHUNKING\r\n" if self.sink.chunking else b""
            secured = self.writer.get_extra_info("ssl_object") is not None
            starttls = b"250-STARTTLS\r\n" if self.sink.starttls and not secured else b""
            return b"250-sink\r\n250-PIPELINING\r\n" + chunking + starttls + b"250 8BITMIME\r\n"
        if verb in (b"MAIL", b"RSET"):
            self.to = b""
        if verb == b"RCPT":
            to = _PATH.search(line)[1]
            if self.sink.deferred(to):
                return b"451 4.7.1 Come again\r\n"
            if _place(to) < self.sink.dead:
                return self.sink.refuse(to, b"550 5.1.1 No such user")
            self.to = to
            return b"250 2.1.5 Ok\r\n"
        return b"250 2.1.0 Ok\r\n" if verb == b"MAIL" else b"250 2.0.0 Ok\r\n"

    async def _data(self) -> None:
        if not self.to:
            self.writer.write(b"554 5.5.1 No recipients\r\n")
            return
        self.writer.write(b"354 Go\r\n")
        await self.writer.drain()
        await self._end(await self.reader.readuntil(b"\r\n.\r\n"))

    async def _end(self, content: bytes) -> None:
        if not self.to:
            self.writer.write(b"503 5.5.1 No recipients\r\n")
            return
        if self.sink.delay:
            await asyncio.sleep(self.sink.delay / 2)
        if self.sink.poison and self.to.startswith(self.sink.poison):
            raise ConnectionError
        said = self.sink.take(self.to, content, self.name)
        self.to = b""
        if self.sink.delay:
            await asyncio.sleep(self.sink.delay / 2)
        self.writer.write(said)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--chunking", action="store_true")
    parser.add_argument("--defer", type=float, default=0)
    parser.add_argument("--defer-for", type=float, default=0)
    parser.add_argument("--wall", type=Path)
    parser.add_argument("--dead", type=float, default=0)
    parser.add_argument("--poison", default="")
    parser.add_argument("--tls", choices=("starttls", "implicit"))
    parser.add_argument("--certificate", default="", help="with its key")
    parser.add_argument("--buffer", type=int, default=0, help="octets that the system may receive ahead")
    asked = parser.parse_args()
    context = None
    if asked.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(asked.certificate)
    implicit = context if asked.tls == "implicit" else None
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    sink = Sink(
        log=os.open(asked.log, appending),
        refused=os.open(f"{asked.log}.refused", appending),
        wall=asked.wall,
        dead=asked.dead,
        poison=asked.poison.encode(),
        starttls=context if asked.tls == "starttls" else None,
        delay=asked.delay,
        chunking=asked.chunking,
        defer=asked.defer,
        defer_until=time.time() + asked.defer_for,
    )
    listener = socket.create_server(("127.0.0.1", asked.port), backlog=256)
    if asked.buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, asked.buffer)
    server = await asyncio.start_server(sink.serve, sock=listener, limit=1 << 24, ssl=implicit)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
