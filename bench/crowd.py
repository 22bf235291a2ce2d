"""Ten thousand mailings of a thousand owners, due in the same second."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.service import ROOT, Service, settle

MAILINGS, OWNERS = 10_000, 1_000


def ten_thousand_due(*, database: str, redis: str, port: int, mailings: int = MAILINGS) -> dict[str, Any]:
    """Two consumers and a server that notes when it accepted each mail."""
    service = Service(database=database, redis=redis, mail_port=port)
    service.migrate()
    service.run("bench.crowd_inside", "fill", str(mailings), str(min(OWNERS, mailings)))
    log = Path(service.var) / "mails.log"
    log.touch()
    sink = subprocess.Popen(
        [sys.executable, "-m", "bench.sink", "--port", str(port), "--log", str(log)], cwd=ROOT
    )
    try:
        for _ in range(2):
            service.start_consumer()
        settle()
        before = _queued(redis)
        watched = service.run("bench.crowd_inside", "watch", "400")
        tasks = _queued(redis) - before
    finally:
        service.stop()
        sink.kill()
    mails = [line.split() for line in log.read_text().splitlines()]
    return _said(watched, [(to, found, float(when)) for to, found, when, *_ in mails], tasks)


def _said(watched: dict[str, Any], mails: list[tuple[str, str, float]], tasks: int) -> dict[str, Any]:
    due, number = watched["due"], watched["mailings"]
    crowd = sorted(when - due for to, _, when in mails if to.startswith("crowd"))
    five = sorted(when - due for to, _, when in mails if to.startswith("five"))
    opened = next((at for at, opened, _ in watched["seen"] if opened >= number), None)
    until = opened or float("inf")
    meanwhile = [when for when in crowd if when <= until]
    after = [when for when in crowd if when > until]
    pressed = [at for at, _ in watched["pressed"]]
    first = [round(min((when for when in five if when >= at), default=at + 999) - at, 2) for at in pressed]
    return {
        "mailings": number,
        "mails": len(crowd),
        "mailed twice": len(crowd) - len({found for to, found, _ in mails if to.startswith("crowd")}),
        "seconds to the first mail": round(crowd[0], 2) if crowd else None,
        "seconds to the last opening": opened,
        "seconds to the last mail": round(crowd[-1], 1) if crowd else None,
        "mails a second in the first 30 s": round(len([when for when in crowd if when <= 30]) / 30, 1),
        "mails a second in all": round(len(crowd) / crowd[-1], 1) if crowd else None,
        "mails a second while opening": round(len(meanwhile) / min(until, crowd[-1])) if meanwhile else 0,
        "mails a second after": round(len(after) / (crowd[-1] - until)) if len(after) > 100 else None,
        "Start now pressed": len(pressed),
        "slowest first mail of Start now": max(first, default=None),
        "slowest end of Start now": max((took or 999 for _, took in watched["pressed"]), default=None),
        "tasks": tasks,
        "tasks for a mailing": round(tasks / (number + len(pressed)), 3),
    }


def _queued(redis: str) -> int:
    """How many tasks have been put into this Redis's queues: for now or for later."""
    from redis import Redis

    stats = Redis.from_url(redis).info("commandstats")
    return int(stats.get("cmdstat_zadd", {"calls": 0})["calls"])
