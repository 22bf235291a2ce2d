"""Attack a site as `docs/operations.md` starts it, and ask meanwhile whether it is still there.

python -m bench.attack [--database postgres://…] [--redis redis://…] [--seconds 15] [--only NAME …] [--save F]

Each kind of attack is sent by four connections at once, by two users, over and over, to gunicorn's three
workers; /healthz is asked twenty times a second on a connection of its own. Told are the seconds that
/healthz and the attackers waited for an answer, which answers they were, and the most memory a worker had.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlencode

from bench.__main__ import machine
from bench.service import ROOT, Service

CONNECTIONS = 4
SPARE = 0.05  # seconds between two looks at /healthz
BOUNDARY = "bench-attack"
numbers = count()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.attack")
    parser.add_argument("--database", default=os.environ.get("DATABASE_URL", ""))
    parser.add_argument("--redis", default=os.environ.get("REDIS_URL", ""))
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--only", nargs="*", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--save", type=Path, help="write the table as JSON")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has started ends with it
    found: dict[str, Any] = {"machine": machine()}
    with site(asked.database, asked.redis) as (port, parent, sessions):
        found["nobody"] = {"healthz": healthz(port, parent, asked.seconds / 2)[0]}
        print(f"nobody: {json.dumps(found['nobody'])}", flush=True)
        for name in asked.only:
            found[name] = attacked(ATTACKS[name], port, parent, sessions, asked.seconds)
            print(f"{name}: {json.dumps(found[name])}", flush=True)
    if asked.save:
        asked.save.write_text(json.dumps(found, indent=1) + "\n")


@contextmanager
def site(database: str, redis: str) -> Iterator[tuple[int, int, list["Session"]]]:
    """Gunicorn as the guide starts it: its port, its process, and the sessions of two users."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = Service(
        database=database, redis=redis, mail_port=9, settings={"SITE_URL": f"http://127.0.0.1:{port}"}
    )
    service.migrate()
    manage = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"]
    subprocess.run(manage, cwd=ROOT, env=service.env, check=True)
    sessions = service.run("bench.attack_sessions")["sessions"]
    gunicorn = ["gunicorn", "site_config.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "3"]
    process = subprocess.Popen(
        [sys.executable, "-m", *gunicorn],
        cwd=ROOT, env=service.env, stderr=(Path(service.var) / "web.log").open("wb"),
    )  # fmt: skip
    try:
        until_up(port)
        yield port, process.pid, sessions
    finally:
        process.terminate()
        process.wait(timeout=60)


def until_up(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            for _ in range(12):  # each worker has met the database
                asked(port)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The site did not start.")


def asked(port: int) -> float:
    """The seconds that /healthz takes to answer."""
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    connection.close()
    return time.monotonic() - began


class Attackers:
    """Connections that send one request after the other until they are told to stop."""

    def __init__(self, make: "Attack", port: int, sessions: list["Session"]) -> None:
        self.times: dict[int, list[float]] = {}
        self._make, self._port, self._stop, self._lock = make, port, Event(), Lock()
        self._threads = [
            Thread(target=self._run, args=tuple(sessions[n % len(sessions)])) for n in range(CONNECTIONS)
        ]

    def __enter__(self) -> "Attackers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, session: str, message: int) -> None:
        while not self._stop.is_set():
            path, kind, body = self._make()
            headers = {"Content-Type": kind, "Cookie": f"sessionid={session}; csrftoken={TOKEN}"}
            began = time.monotonic()
            connection = HTTPConnection("127.0.0.1", self._port, timeout=120)
            try:
                connection.request("POST", path.format(message=message), body, headers)
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except OSError:  # a worker that was killed
                status = 0
            connection.close()
            with self._lock:
                self.times.setdefault(status, []).append(time.monotonic() - began)


def attacked(
    make: "Attack", port: int, parent: int, sessions: list["Session"], seconds: float
) -> dict[str, Any]:
    with Attackers(make, port, sessions) as attackers:
        waits, memory = healthz(port, parent, seconds)
    times = sorted(value for values in attackers.times.values() for value in values)
    return {
        "healthz": waits,
        "attackers": spread(times),
        "answers": dict(Counter({status: len(values) for status, values in attackers.times.items()})),
        "worker MiB": memory // 1024,
    }


def healthz(port: int, parent: int, seconds: float) -> tuple[dict[str, float], int]:
    """How long /healthz takes, and the most memory of a worker, in KiB."""
    waits, memory = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(SPARE)
        waits.append(asked(port))
        memory = max(memory, most_memory(parent))
    return spread(sorted(waits)), memory


def spread(values: list[float]) -> dict[str, float]:
    return {
        "times": len(values),
        "median": round(statistics.median(values), 3),
        "of 95 %": round(values[int(len(values) * 0.95)], 3),
        "slowest": round(values[-1], 3),
    }


def most_memory(parent: int) -> int:
    """The most memory that one of the workers has had by now, in KiB."""
    most = 0
    for worker in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        try:
            status = Path(f"/proc/{worker}/status").read_text()
        except OSError:  # it was killed meanwhile
            continue
        most = max(most, int(status.partition("VmHWM:")[2].split()[0]))
    return most


TOKEN = "a" * 32
Session = tuple[str, int]  # its cookie, and a message of its user
Attack = Callable[[], tuple[str, str, bytes]]


def message(body: str) -> tuple[str, str, bytes]:
    form = {"csrfmiddlewaretoken": TOKEN, "subject": "x", "format": "html", "body": body, "do": "save"}
    return "/messages/{message}/edit/", "application/x-www-form-urlencoded", urlencode(form).encode()


def picture(data: bytes) -> tuple[str, str, bytes]:
    fields = {"csrfmiddlewaretoken": TOKEN, "name": "x", "time_zone": "UTC", "language": "en"}
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in fields.items()]  # fmt: skip
    head = (
        'Content-Disposition: form-data; name="avatar"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    )
    parts.append(f"--{BOUNDARY}\r\n{head}".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode())
    return "/accounts/profile/", f"multipart/form-data; boundary={BOUNDARY}", b"".join(parts)


def deep() -> tuple[str, str, bytes]:
    return message(f"<p>{next(numbers)}</p>" + "<div>" * 40_000)


def megabyte() -> tuple[str, str, bytes]:
    return message(f"<p>{next(numbers)}" + "x" * 1_000_000)


def busy() -> tuple[str, str, bytes]:
    """Passes each look before, and keeps the tools at work until their time is over."""
    rules = "".join(f"i i:nth-child({n}n) i{{b:{n}}}" for n in range(2_000))
    return message(f"<p>{next(numbers)}</p><style>{rules}</style>" + ("<i>" * 100 + "</i>" * 100) * 60)


def honest() -> tuple[str, str, bytes]:
    """What is accepted, and new each time."""
    rows = "".join(f"<tr><td><p>Offer {n}</p></td></tr>" for n in range(800))
    return message(f"<p>{next(numbers)}</p><table>{rows}</table>")


def png(width: int, height: int) -> bytes:
    """A white picture of one bit a pixel, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff" * ((width + 7) // 8)) * height
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def tall() -> tuple[str, str, bytes]:
    """The picture that took fourteen seconds and two gigabytes."""
    return picture(TALL)


def vast() -> tuple[str, str, bytes]:
    return picture(VAST)


TALL, VAST = png(1, 39_000_000), png(6_300, 6_300)
ATTACKS: dict[str, Attack] = {made.__name__: made for made in (deep, megabyte, busy, honest, tall, vast)}

if __name__ == "__main__":
    main()
