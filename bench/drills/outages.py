"""The database and the queue away or ill while mail is under way: real ones, of the drill's own.

python -m bench.drills.outages [CASE …] [--recipients 3000] [--list]

Two consumers, each case with a PostgreSQL and a Redis that are made for it. A line for each: what was sent,
doubled and marked, how long nothing was sent, how soon it went on, what was logged and what /healthz said.
It exits 0 only if all were sent, none twice and none marked, and it went on within two seconds.
"""

import argparse
import fnmatch
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.drills.backing import PgBouncer, PostgreSql, Redis, missing
from bench.drills.drill import Drill, Plan, free_port
from bench.service import ROOT

GOES_ON_WITHIN = 2.0  # seconds from the return of what was away
NEVER_LONGER = 10.0  # seconds without a mail where consumers have to share what is too little for them
ROLE = "mailings"  # PostgreSQL does not bound a superuser's connections
_ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"


@dataclass
class Backings:
    database: PostgreSql
    queue: Redis
    held: list[Any] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Outage:
    what: str
    begin: Callable[[Backings], object] | None = None  # none: it is so from the beginning
    end: Callable[[Backings], object] | None = None
    seconds: float = 6
    healthz: tuple[str, str] = ("database", "ok")  # the part, and what is said of it meanwhile
    role: str = ""  # as whom the consumers log in
    before: tuple[str, ...] = ()  # what the superuser says first
    pool: int = 0  # connections that a PgBouncer has for all consumers together
    stops: bool = True  # nothing can be sent meanwhile
    lines: int = 20  # that may be logged


def _read_only(on: str) -> Callable[[Backings], None]:
    def say(backings: Backings) -> None:
        backings.database.say(
            "SET default_transaction_read_only = off",
            f"ALTER SYSTEM SET default_transaction_read_only = {on}",
            "SELECT pg_reload_conf()",
        )

    return say


def _none_to_be_had(backings: Backings) -> None:
    backings.database.say(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0", _ENDED.format(role=ROLE))


def _lock(backings: Backings) -> None:
    """As a migration does that takes its time."""
    import psycopg

    session = psycopg.connect(backings.database.url())
    session.execute("LOCK TABLE mailer_delivery")
    backings.held.append(session)


def _signal(number: int) -> Callable[[Backings], None]:
    """To all of PostgreSQL's processes: a machine that hangs."""

    def send(backings: Backings) -> None:
        backings.database.signal_all(number)

    return send


def _end_sessions(backings: Backings) -> None:
    for _ in range(20):
        backings.database.say(_ENDED.format(role=ROLE))
        time.sleep(0.25)


CONSUMERS_ROLE = f"CREATE ROLE {ROLE} LOGIN IN ROLE postgres"
CASES: dict[str, Outage] = {
    "read-only": Outage(
        what="PostgreSQL takes no writes for 6 s, as after a failover",
        begin=_read_only("on"), end=_read_only("off"), healthz=("database", "is read-only"),
    ),
    "read-only-long": Outage(
        what="the same for 25 s, longer than a lease lives",
        begin=_read_only("on"), end=_read_only("off"), seconds=25, healthz=("database", "is read-only"),
    ),
    "stopped": Outage(
        what="PostgreSQL is stopped for 2.6 s",
        begin=lambda b: b.database.stop(), end=lambda b: b.database.start(), seconds=2.6,
        healthz=("database", "away"),
    ),
    "stopped-long": Outage(
        what="the same for 25 s",
        begin=lambda b: b.database.stop(), end=lambda b: b.database.start(), seconds=25,
        healthz=("database", "away"),
    ),
    "hangs": Outage(
        what="PostgreSQL's machine hangs for 6 s",
        begin=_signal(signal.SIGSTOP), end=_signal(signal.SIGCONT), healthz=("database", "does not answer"),
    ),
    "hangs-long": Outage(
        what="the same for 25 s",
        begin=_signal(signal.SIGSTOP), end=_signal(signal.SIGCONT), seconds=25,
        healthz=("database", "does not answer"),
    ),
    "locked": Outage(
        what="another session has the table of deliveries locked for 6 s",
        begin=_lock, end=lambda b: b.held.pop().close(),
    ),
    "sessions-ended": Outage(
        what="an administrator ends all sessions of the consumers, four times a second for 5 s",
        before=(CONSUMERS_ROLE,), role=ROLE, begin=_end_sessions, seconds=0, stops=False,
    ),
    "no-connection": Outage(
        what="no connection to be had for 6 s",
        before=(CONSUMERS_ROLE,), role=ROLE, begin=_none_to_be_had,
        end=lambda b: b.database.say(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1"),
    ),
    "connection-limit": Outage(
        what="CONNECTION LIMIT 2 for both consumers together",
        before=(f"{CONSUMERS_ROLE} CONNECTION LIMIT 2",), role=ROLE, stops=False,
    ),
    "pool-of-5": Outage(what="a PgBouncer in session mode with a pool of five", pool=5, stops=False),
    "pool-of-1": Outage(what="the same with a pool of one", pool=1, stops=False),
    "redis-stopped": Outage(
        what="Redis is stopped for 1 s, and comes back empty",
        begin=lambda b: b.queue.stop(), end=lambda b: b.queue.start(), seconds=1, healthz=("queue", "away"),
        stops=False,
    ),
    "redis-full": Outage(
        what="Redis is full for 6 s",
        begin=lambda b: b.queue.fill(), end=lambda b: b.queue.empty(), healthz=("queue", "full"), stops=False,
    ),
}  # fmt: skip


def drilled(name: str, case: Outage, *, recipients: int = 3000) -> dict[str, Any]:
    """Run one case and say what was seen, as a drill does."""
    with PostgreSql(free_port()) as database, Redis(free_port()) as queue:
        backings = Backings(database, queue)
        database.say(*case.before)
        consumers_find_it_at = database.url(role=case.role) if case.role else ""
        plan = Plan(
            fault=name, database=database.url(), redis=queue.url(), recipients=recipients, delay=0.1,
            pooler=consumers_find_it_at,
        )  # fmt: skip
        with _pooler(database, case.pool) as pooler:
            plan.pooler = pooler or plan.pooler
            with Drill(plan) as drill:
                drill.service.env["LOG_LEVEL"] = "WARNING"
                return _during(drill, case, backings)


@contextmanager
def _pooler(database: PostgreSql, pool: int) -> Iterator[str]:
    """The URL of a PgBouncer, if the case has one."""
    if not pool:
        yield ""
        return
    with PgBouncer(free_port(), server=database, pool=pool) as pooler:
        yield database.url(port=pooler.port)


def _during(drill: Drill, case: Outage, backings: Backings) -> dict[str, Any]:
    with _site(drill) as healthz:
        drill.begin()
        time.sleep(3)
        began = time.time()
        if case.begin:
            case.begin(backings)
        time.sleep(max(case.seconds - 2.5, 0))
        part, words = case.healthz
        said = healthz().get(part, "nothing")
        time.sleep(max(began + case.seconds - time.time(), 0))
        if case.end:
            case.end(backings)
        returned = time.time()
        drill.expect("healthz", f"{part}: {said}", when=said == words)
        verdict = drill.judge(seconds=120)
    return _said(drill, case, verdict, began, returned)


def _said(
    drill: Drill, case: Outage, verdict: dict[str, Any], began: float, returned: float
) -> dict[str, Any]:
    times = sorted(float(line.split()[2]) for line in drill.log.read_text().splitlines())
    gaps = [(after - before, before) for before, after in pairwise(times)]
    longest = max(gaps, default=(0.0, 0.0))[0]
    goes_on = next((at - returned for at in times if at > returned), None) if case.begin else None
    lines = len((Path(drill.service.var) / "consumer.log").read_text().splitlines())
    wrong = [
        *drill.wrong,
        *(["not all as promised"] if not verdict["passed"] else []),
        *(["marked"] if verdict["counted as possibly twice"] else []),
        *(["too late"] if goes_on and case.stops and goes_on > GOES_ON_WITHIN else []),
        *(["too long without"] if not case.stops and longest > NEVER_LONGER else []),
        *(["too many lines logged"] if lines > case.lines else []),
    ]
    return {
        "case": drill.plan.fault,
        "sent": verdict["sent by the ledger"],
        "lost": verdict["lost"],
        "twice": verdict["duplicates"],
        "marked": verdict["counted as possibly twice"],
        "seconds away": round(returned - began, 1) if case.begin else None,
        "longest without a mail": round(longest, 1),
        "goes on after": None if goes_on is None else round(goes_on, 2),
        "seconds": verdict["seconds"],
        "lines logged": lines,
        "healthz": drill.seen["healthz"],
        "wrong": wrong,
    }


@contextmanager
def _site(drill: Drill) -> Iterator[Callable[[], dict[str, str]]]:
    """The site beside it; what is yielded asks its /healthz."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "site_config.wsgi", "--bind", f"127.0.0.1:{port}"]
    site = subprocess.Popen(
        [*command, "--workers", "1", "--log-level", "critical"], cwd=ROOT, env=drill.service.env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _until(lambda: _healthz(port).get("database") == "ok")
        yield lambda: _healthz(port)
    finally:
        site.terminate()
        site.wait(timeout=60)


def _healthz(port: int) -> dict[str, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            found: dict[str, str] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    except OSError:
        return {}
    return found


def _until(fits: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not fits():
        if time.monotonic() > end:
            raise RuntimeError("The site did not start.")
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.drills.outages")
    parser.add_argument("case", nargs="*", default=["*"], help="names, or patterns such as 'redis*'")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--recipients", type=int, default=3000)
    asked = parser.parse_args()
    names = [name for name in CASES if any(fnmatch.fnmatch(name, pattern) for pattern in asked.case)]
    if asked.list or not names:
        sys.exit("\n".join(f"{name}: {CASES[name].what}" for name in CASES))
    needed = ["postgres", "initdb", "redis-server", *["pgbouncer"] * any(CASES[n].pool for n in names)]
    if absent := missing(*needed):
        sys.exit(f"{absent} is not installed.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has started ends with it
    wrong = []
    for name in names:
        seen = drilled(name, CASES[name], recipients=asked.recipients)
        print(json.dumps(seen), flush=True)
        wrong += [name] if seen["wrong"] else []
    sys.exit(f"Not as it should be: {', '.join(wrong)}" if wrong else 0)


if __name__ == "__main__":
    main()
