"""A sink that offers CHUNKING and throws mail away as fast as Python can; it also speaks plain DATA.

python -m bench.fast_sink --port 11027
"""

import argparse
import asyncio

_EHLO = b"250-fast\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"
# As Postfix says it; a server that says the same to every command is not written ahead to.
_OK = b"250 2.0.0 Ok\r\n"
_ENVELOPE = {b"MAIL": b"250 2.1.0 Ok\r\n", b"RCPT": b"250 2.1.5 Ok\r\n", b"EHLO": _EHLO}
_TAKEN = b"250 2.0.0 Ok: queued as 4FbXzW1Qk0z9\r\n"
_END = b"\r\n.\r\n"


class FastSink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""
        self.skip = 0  # octets of a chunk still to come
        self.in_data = False
        transport.write(b"220 fast ESMTP\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:  # noqa: C901  (one loop, for speed)
        buffer, answers, at = self.buffer + data, [], 0
        while True:
            if self.skip:
                if len(buffer) - at < self.skip:
                    break
                at, self.skip = at + self.skip, 0
                answers.append(_TAKEN)
            elif self.in_data:
                end = buffer.find(_END, max(at - 2, 0))
                if end < 0:
                    break
                at, self.in_data = end + len(_END), False
                answers.append(_TAKEN)
            end = buffer.find(b"\r\n", at)
            if end < 0:
                break
            verb = buffer[at : at + 4]
            if verb == b"BDAT":
                self.skip = int(buffer[at + 5 : end].split()[0])
            elif verb == b"DATA":
                self.in_data = True
                answers.append(b"354 Go\r\n")
            elif verb == b"QUIT":
                answers.append(b"221 2.0.0 Bye\r\n")
            else:
                answers.append(_ENVELOPE.get(verb, _OK))
            # The line end stays: a dot may follow it at once.
            at = end + 2
        self.buffer = buffer[at:]
        if answers:
            self.transport.write(b"".join(answers))  # type: ignore[attr-defined]


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server = await asyncio.get_running_loop().create_server(FastSink, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
