"""A line with a delay: what goes in comes out so many milliseconds later, each way half of the round trip.

python -m bench.proxy --listen 11026 --to 11025 --round-trip 0.02 [--cut 0.3 --cut-for 10]
"""

import argparse
import asyncio
import random
import time


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on every piece after the delay, in order, however many are under way."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 16):
        loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--round-trip", type=float, required=True)
    parser.add_argument(
        "--cut", type=float, default=0, help="break connections after so many seconds, on average"
    )
    parser.add_argument("--cut-for", type=float, default=0, help="seconds from the first connection on")
    asked = parser.parse_args()
    first = 0.0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        first = first or time.monotonic()
        if time.monotonic() < first + asked.cut_for:
            after = random.uniform(0, 2 * asked.cut)
            asyncio.get_running_loop().call_later(after, writer.transport.abort)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", asked.to)
            await asyncio.gather(
                pump(reader, back, asked.round_trip / 2), pump(there, writer, asked.round_trip / 2)
            )
        except ConnectionError:
            pass

    server = await asyncio.start_server(serve, "127.0.0.1", asked.listen, backlog=256)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
