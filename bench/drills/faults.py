"""What is done to the service in each drill."""

import random
import shlex
import subprocess
import sys
import time
from collections.abc import Callable

from bench.drills.drill import Drill


def kill(drill: Drill) -> None:
    """kill -9 one consumer after another at random instants; each is started again at once."""
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
    drill.begin()
    for command in filter(None, (word.strip() for word in drill.plan.before.split(";"))):
        time.sleep(4)
        subprocess.run(shlex.split(command), check=True, stdout=subprocess.DEVNULL)
    time.sleep(4)
    drill.stop_sink()
    time.sleep(3)
    drill.start_sink()


def defer(drill: Drill) -> None:
    """A mail server that tells 30 % of the recipients, for a while, to come again."""
    drill.sink_words = ["--defer", "0.3", "--defer-for", "30"]
    drill.begin()


FAULTS: dict[str, Callable[[Drill], None]] = {"kill": kill, "restart": restart, "defer": defer}
