"""What is done to the service in each drill."""

import random
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.drills.drill import WINDOW, Drill
from bench.servers.unpack import FOLDER

_LIBRARY = "usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
FAKETIME = f"/{_LIBRARY}" if Path(f"/{_LIBRARY}").exists() else str(FOLDER / "libfaketime" / _LIBRARY)

TRIES_END = 300  # seconds


def kill(drill: Drill) -> None:
    """kill -9 one consumer after another at random instants; each is restarted at once."""
    drill.begin()
    wanted, stalled = drill.plan.kills, 0
    while drill.killed < wanted and stalled < 60:
        before = len(drill.mails())
        time.sleep(random.uniform(0.2, 2 * drill.plan.pause - 0.2))
        taken = len(drill.mails())
        stalled = 0 if taken > before else stalled + 1
        if taken == before:
            continue  # nothing is under way: a kill now would prove nothing
        drill.service.kill_consumer(random.choice(drill.service.consumers))
        drill.killed += 1
        drill.service.start_consumer()
        print(f"kill {drill.killed} at {taken} mails", file=sys.stderr, flush=True)


def restart(drill: Drill) -> None:
    """Restart the database, Redis and the mail server while mail is under way."""
    # What a mail server that is killed may have taken without saying so: a window for each consumer.
    drill.allowance = WINDOW * drill.plan.consumers
    drill.begin()
    for command in filter(None, (word.strip() for word in drill.plan.before.split(";"))):
        time.sleep(4)
        subprocess.run(shlex.split(command), check=True, stdout=subprocess.DEVNULL)
    time.sleep(4)
    drill.stop_sink()
    time.sleep(3)
    drill.start_sink()


def cut(drill: Drill) -> None:
    """A line to the mail server that breaks every connection in the middle of a mail, for a while.

    It hands on all that it has received before: the mail server may have a mail whose answer we never get.
    """
    plan = drill.plan
    drill.allowance = plan.recipients
    mail = max(2 * plan.size, 4000)  # octets, about
    drill.help_with(
        "bench.proxy", "--listen", str(plan.port), "--to", str(drill.sink_port), "--round-trip", "0",
        "--cut-after", str(3 * mail), "--cut-for", str(plan.cut_for), "--buffer", str(plan.buffer),
    )  # fmt: skip
    drill.begin()
    time.sleep(plan.cut_for)
    end = time.monotonic() + TRIES_END
    while drill.service.inside("wait", "5")["finished"] is None and time.monotonic() < end:
        drill.service.inside("hurry")  # instead of waiting minutes for each next try


def defer(drill: Drill) -> None:
    """A mail server that defers 30 % of the recipients for a while."""
    drill.sink_words = ["--defer", "0.3", "--defer-for", "30"]
    drill.begin()


def wall(drill: Drill) -> None:
    """A mail server that refuses everybody in the same way, until that is fixed."""
    drill.wall.write_text(drill.plan.answer)
    drill.begin()
    found = drill.service.inside("held", "120")
    time.sleep(3)  # whatever is still under way has its answer
    answered, counts = len(drill.refusals()), drill.service.inside("counts")
    drill.seen["answer"] = drill.plan.answer
    drill.expect("answered before it stopped", answered, when=0 < answered <= 200)
    drill.expect(
        "failed at the wall", counts["statuses"].get("failed", 0), when=not counts["statuses"].get("failed")
    )
    drill.expect("held", found["held"], when=found["held"] or found["rests for"] is not None)
    drill.expect("rests for", found["rests for"], when=True)
    drill.expect("in words", found["in words"], when=all(found["in words"].values()))
    drill.wall.unlink()
    drill.service.inside("release")


def dead(drill: Drill) -> None:
    """3 % of the mailboxes do not exist, between good ones."""
    drill.dead = True
    drill.sink_words = ["--dead", "0.03"]
    drill.begin()


def clock(drill: Drill) -> None:
    """One consumer's clock is an hour behind, the other's is right."""
    wrong = {"LD_PRELOAD": FAKETIME, "FAKETIME": drill.plan.answer or "-1h", "DONT_FAKE_MONOTONIC": "1"}
    if not Path(FAKETIME).exists():
        raise SystemExit("libfaketime is missing: python -m bench.servers")
    drill.environments[0] = wrong
    drill.begin()
    drill.service.inside("wait", "600")
    names = Counter(line.split()[3] for line in drill.log.read_text().splitlines())
    least = drill.plan.recipients // 10
    drill.expect("mails of each", dict(names), when=len(names) == 2 and min(names.values()) > least)
    drill.seen["clock of the first"] = wrong["FAKETIME"]


def neighbour(drill: Drill) -> None:
    """Beside another owner's 60 recipients that make the server cut the connection each time."""
    drill.allowance = drill.plan.recipients
    drill.sink_words = ["--poison", "poison"]
    drill.begin()
    drill.service.inside("wait", "600")
    alone = time.time() - drill.began
    drill.service.inside("clear")
    drill.log.write_text("")
    drill.service.inside("neighbour", "60")
    drill.began = time.time()
    drill.service.inside("open")
    drill.service.inside("wait", "600")
    beside = time.time() - drill.began
    drill.seen["seconds alone"] = round(alone, 1)
    drill.expect("seconds beside it", round(beside, 1), when=beside < 2 * alone + 5)


FAULTS: dict[str, Callable[[Drill], None]] = {
    "kill": kill,
    "restart": restart,
    "cut": cut,
    "defer": defer,
    "wall": wall,
    "dead": dead,
    "clock": clock,
    "neighbour": neighbour,
}
