"""A mail server that writes down every mail it takes, at the instant it takes it: the judge of the drills.

python -m bench.sink --port 11025 --log mails.log [--delay 0.05] [--chunking] [--defer 0.3 --defer-for 20]
Each line of the log: the recipient, the Message-ID, the time. A mail is in the log before it is answered.
"""

import argparse
import asyncio
import hashlib
import os
import re
import time
from dataclasses import dataclass, field

_PATH = re.compile(rb"<([^>]*)>")
_ID = re.compile(rb"^Message-ID: *(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)


@dataclass
class Sink:
    log: int  # a file descriptor, written to without a buffer
    delay: float
    chunking: bool
    defer: float
    defer_until: float
    taken: int = field(default=0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Dialogue(self, reader, writer).run()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def deferred(self, to: bytes) -> bool:
        """At first a part of the recipients, always the same ones, is told to come again."""
        if time.time() >= self.defer_until:
            return False
        return hashlib.sha256(to).digest()[0] < 256 * self.defer

    def take(self, to: bytes, content: bytes) -> None:
        found = _ID.search(content)
        line = b"%b %b %.3f\n" % (to, found[1] if found else b"-", time.time())
        os.write(self.log, line)
        self.taken += 1


@dataclass
class Dialogue:
    sink: Sink
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    to: bytes = b""

    async def run(self) -> None:
        self.writer.write(b"220 sink ESMTP\r\n")
        while line := await self.reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                await self._data()
            elif verb == b"BDAT":
                await self._end(await self.reader.readexactly(int(line.split()[1])))
            elif verb == b"QUIT":
                self.writer.write(b"221 2.0.0 Bye\r\n")
                return
            else:
                self.writer.write(self._answer(verb, line))
            if not self.reader._buffer:  # type: ignore[attr-defined]  # answers to a burst go out together
                await self.writer.drain()

    def _answer(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"EHLO":
            chunking = b"250-CHUNKING\r\n" if self.sink.chunking else b""
            return b"250-sink\r\n250-PIPELINING\r\n" + chunking + b"250 8BITMIME\r\n"
        if verb in (b"MAIL", b"RSET"):
            self.to = b""
        if verb == b"RCPT":
            to = _PATH.search(line)[1]
            if self.sink.deferred(to):
                return b"451 4.7.1 Come again\r\n"
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
        self.sink.take(self.to, content)
        self.to = b""
        if self.sink.delay:
            await asyncio.sleep(self.sink.delay / 2)
        self.writer.write(b"250 2.0.0 Ok: queued as %X\r\n" % self.sink.taken)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--chunking", action="store_true")
    parser.add_argument("--defer", type=float, default=0)
    parser.add_argument("--defer-for", type=float, default=0)
    asked = parser.parse_args()
    sink = Sink(
        log=os.open(asked.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        delay=asked.delay,
        chunking=asked.chunking,
        defer=asked.defer,
        defer_until=time.time() + asked.defer_for,
    )
    server = await asyncio.start_server(sink.serve, "127.0.0.1", asked.port, limit=1 << 24, backlog=256)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
