"""A line with a delay: what goes in comes out so many milliseconds later, each way half of the round trip.

python -m bench.proxy --listen 11026 --to 11025 --round-trip 0.02 [--cut 0.3 --cut-for 10]
    [--cut-after 50000 --cut-for 10 --buffer 4096]
"""

import argparse
import asyncio
import random
import socket
import time
from dataclasses import dataclass

PIECE = 4096  # octets passed on at once where the line breaks after some


@dataclass
class Line:
    to: int  # port
    round_trip: float
    cut: float  # seconds after which connections break, on average
    cut_after: int  # octets after which they break, on average
    cut_for: float  # seconds from the first connection on
    buffer: int  # octets that it receives ahead
    first: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.first = self.first or time.monotonic()
        breaks = time.monotonic() < self.first + self.cut_for
        if breaks and self.cut:
            asyncio.get_running_loop().call_later(random.uniform(0, 2 * self.cut), writer.transport.abort)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
            if breaks and self.cut_after:
                out = pump_some(reader, back, random.randrange(2 * self.cut_after), writer.transport)
            else:
                out = pump(reader, back, self.round_trip / 2)
            await asyncio.gather(out, pump(there, writer, self.round_trip / 2))
        except ConnectionError:
            pass


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on every piece after the delay, in order, however many are under way."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 16):
        loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


async def pump_some(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int, breaks: asyncio.WriteTransport
) -> None:
    """Pass on so many octets, no faster than they are taken, and break the sender's connection."""
    while left > 0 and (data := await reader.read(min(left, PIECE))):
        left -= len(data)
        writer.write(data)
        await writer.drain()
    breaks.abort()
    writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--round-trip", type=float, required=True)
    parser.add_argument(
        "--cut", type=float, default=0, help="break connections after so many seconds, on average"
    )
    parser.add_argument("--cut-after", type=int, default=0, help="or after so many octets, on average")
    parser.add_argument("--cut-for", type=float, default=0, help="seconds from the first connection on")
    parser.add_argument("--buffer", type=int, default=0, help="octets that the system may receive ahead")
    asked = vars(parser.parse_args())
    listener = socket.create_server(("127.0.0.1", asked.pop("listen")), backlog=256)
    line = Line(**asked)
    if line.buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, line.buffer)
    server = await asyncio.start_server(line.serve, sock=listener, limit=PIECE if line.buffer else 1 << 16)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
