"""Attack a site started as `docs/operations.md` says, and check meanwhile whether it still responds.

python -m bench.attack [--database postgres://…] [--redis redis://…] [--seconds 15] [--only NAME …] [--save F]

Each kind of attack is sent by four connections at once, by two users, over and over, to gunicorn's three
workers; another process asks /healthz twenty times a second. The attackers run at the lowest priority, as
they would run on other machines. It prints how long /healthz and the attackers waited for a response, which
responses they got, the most memory that a worker had, and the machine's load.

Before anything was done about them, `tall` took 14 seconds and 1.9 GB of a worker, `veil` 25 seconds of CPU
time, `deep` took /healthz 41 seconds, and workers were killed.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection
from io import BytesIO
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlencode

from PIL import Image

from bench.__main__ import machine
from bench.service import ROOT, Service

CONNECTIONS, USERS = 4, 2  # of each kind of attack: what limits one user limits no other kind
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
    parser.add_argument("--hammer", nargs=3, metavar=("NAME", "PORT", "SESSIONS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hammer:
        name, port, sessions = asked.hammer
        print(json.dumps(hammer(name, int(port), json.loads(sessions))))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has started ends with it
    found: dict[str, Any] = {"machine": machine()}
    with site(asked.database, asked.redis) as (port, parent, sessions):
        waits, memory = healthz(port, parent, asked.seconds / 2)
        found["nobody"] = {"healthz": waits, "worker MiB": memory // 1024}
        print(f"nobody: {json.dumps(found['nobody'])}", flush=True)
        for name in asked.only:
            found[name] = attacked(name, port, parent, sessions, asked.seconds)
            print(f"{name}: {json.dumps(found[name])}", flush=True)
    if asked.save:
        asked.save.write_text(json.dumps(found, indent=1) + "\n")


@contextmanager
def site(database: str, redis: str) -> Iterator[tuple[int, int, list["Session"]]]:
    """Gunicorn as the guide starts it: its port, its process, and sessions, two for each kind of attack."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = Service(
        database=database, redis=redis, mail_port=9, settings={"SITE_URL": f"http://127.0.0.1:{port}"}
    )
    service.migrate()
    manage = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"]
    subprocess.run(manage, cwd=ROOT, env=service.env, check=True)
    sessions = service.run("bench.attack_sessions", str(USERS * len(KINDS)))["sessions"]
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
    """The seconds that /healthz takes to respond."""
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    connection.close()
    return time.monotonic() - began


def hammer(name: str, port: int, sessions: list["Session"]) -> dict[str, list[float]]:
    """Send one attack after the other until standard input ends; each answer's seconds, by its status."""
    os.nice(19)
    times: dict[str, list[float]] = {}
    stop, lock = Event(), Lock()

    def run(session: str, number: int) -> None:
        while not stop.is_set():
            path, kind, body = ATTACKS[name]()
            headers = {"Content-Type": kind, "Cookie": f"sessionid={session}; csrftoken={TOKEN}"}
            status, seconds = posted(port, path.format(message=number), body, headers)
            with lock:
                times.setdefault(str(status), []).append(seconds)

    threads = [Thread(target=run, args=tuple(sessions[n % len(sessions)])) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    return times


def posted(port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, float]:
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        status = answer.status
    except OSError:  # a worker that was killed
        status = 0
    connection.close()
    return status, time.monotonic() - began


def attacked(name: str, port: int, parent: int, sessions: list["Session"], seconds: float) -> dict[str, Any]:
    first = USERS * list(ATTACKS).index(name)
    users = json.dumps(sessions[first : first + USERS])
    words = [sys.executable, "-m", "bench.attack", "--hammer", name, str(port), users]
    attackers = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        waits, memory = healthz(port, parent, seconds)
        told = json.loads(attackers.communicate()[0])
    finally:
        attackers.kill()
    return {
        "healthz": waits,
        "attackers": spread(sorted(value for values in told.values() for value in values)),
        "answers": {status: len(values) for status, values in told.items()},
        "worker MiB": memory // 1024,
        "load": round(os.getloadavg()[0], 1),
    }


def healthz(port: int, parent: int, seconds: float) -> tuple[dict[str, float], int]:
    """How long /healthz takes, and the most memory a worker had, in KiB."""
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
    """The most memory that one of the workers has had so far, in KiB."""
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


def picture(data: bytes, *, name: str = "avatar", path: str = "/accounts/profile/") -> tuple[str, str, bytes]:
    fields = {"csrfmiddlewaretoken": TOKEN, "name": "x", "time_zone": "UTC", "language": "en"}
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
             for key, value in fields.items()]  # fmt: skip
    head = f'Content-Disposition: form-data; name="{name}"; filename="a"\r\nContent-Type: image/png\r\n\r\n'
    parts.append(f"--{BOUNDARY}\r\n{head}".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode())
    return path, f"multipart/form-data; boundary={BOUNDARY}", b"".join(parts)


def deep() -> tuple[str, str, bytes]:
    return message(f"<p>{next(numbers)}</p>" + "<div>" * 40_000)


def megabyte() -> tuple[str, str, bytes]:
    return message(f"<p>{next(numbers)}" + "x" * 1_000_000)


def busy() -> tuple[str, str, bytes]:
    """Passes every check in front, and keeps the tools busy until their time is up."""
    rules = "".join(f"i i:nth-child({n}n) i{{b:{n}}}" for n in range(2_000))
    return message(f"<p>{next(numbers)}</p><style>{rules}</style>" + ("<i>" * 100 + "</i>" * 100) * 60)


def honest() -> tuple[str, str, bytes]:
    """What is accepted, and new each time."""
    rows = "".join(f"<tr><td><p>Offer {n}</p></td></tr>" for n in range(800))
    return message(f"<p>{next(numbers)}</p><table>{rows}</table>")


def png(width: int, height: int) -> bytes:
    """A white picture of one bit per pixel, in a few kilobytes."""

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


def largest() -> tuple[str, str, bytes]:
    """One that is taken, until there were too many: as large as a picture may be, in a few kilobytes."""
    return picture(LARGEST)


def vast() -> tuple[str, str, bytes]:
    return picture(VAST)


@cache
def smooth_behind_noise() -> bytes:
    bands = [Image.linear_gradient("L").resize((1200, 4800)) for _ in range(3)]
    out = BytesIO()
    Image.merge("RGBA", [*bands, Image.effect_noise((1200, 4800), 30)]).save(
        out, "WEBP", quality=30, method=0
    )
    return out.getvalue()


def veil() -> tuple[str, str, bytes]:
    """One for a message, which keeps the compression of a PNG searching."""
    return picture(smooth_behind_noise(), name="picture", path="/messages/pictures/")


def blanks() -> tuple[str, str, bytes]:
    """A text that a careless pattern reads again and again."""
    return message(f"<p>{next(numbers)}</p>" + "<!--" * 150_000)


TALL, VAST, LARGEST = png(1, 39_000_000), png(6_300, 6_300), png(3_464, 3_464)
KINDS = (deep, megabyte, busy, honest, blanks, tall, vast, largest, veil)
ATTACKS: dict[str, Attack] = {made.__name__: made for made in KINDS}

if __name__ == "__main__":
    main()
