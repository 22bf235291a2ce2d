"""What a drill does inside the service under test, one command a process: prints one line of JSON.

python -m bench.drills.servers.inside follow SECONDS [SAYS] | watch SECONDS | again | rested | rename NAME
"""

import json
import sys
import time
from collections import Counter
from typing import Any

from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from bench.inside import open as open_run
from mailer.mailings import try_again
from mailer.models import Attempt, Client, Delivery, MailServer, Suppression
from mailer.sending import clock, leases
from mailer.transport.answers import summary


def follow(seconds: str, says: str = "") -> dict[str, Any]:
    """Open a run and watch it."""
    return {"began": open_run()["began"], **watch(seconds, says)}


def watch(seconds: str, says: str = "") -> dict[str, Any]:
    """Wait until the run is finished or held, shows this problem, or so long.

    Returns what it came to, with all its rows.
    """
    until = time.time() + float(seconds)
    while not ((attempt := _attempt()).finished_at or attempt.held_at or time.time() >= until):
        if says and says in attempt.problem:
            break
        time.sleep(0.1)
    rows = attempt.deliveries.values_list("email", "status", "tries", "possibly_twice")
    return {
        "end": _end(attempt),
        "ended": (attempt.finished_at or attempt.held_at or clock.now()).timestamp(),
        "sent": attempt.sent,
        "problem": attempt.problem,
        "answers": attempt.server_response or summary(Counter(attempt.answers)),
        "rows": {email: [status, tries, twice] for email, status, tries, twice in rows},
        "suppressed": list(Suppression.objects.values_list("email", flat=True)),
    }


def again() -> dict[str, Any]:
    """Release a run that is held."""
    return {"released": try_again(_attempt())}


def rested() -> dict[str, Any]:
    """End the rest of the server, of the run and of each mail, as if that time had passed."""
    MailServer.objects.update(rests_until=None)
    Attempt.objects.running().update(resumes_at=None)
    waiting = Delivery.objects.filter(status=Delivery.Status.QUEUED, next_try_at__gt=clock.now())
    number = waiting.update(next_try_at=clock.now())
    leases.enqueue(_attempt().pk)
    return {"due": number}


def rename(name: str) -> dict[str, Any]:
    """Give all clients this name, with their number behind it."""
    return {"renamed": Client.objects.update(full_name=Concat(Value(f"{name} "), Cast("pk", CharField())))}


def _attempt() -> Attempt:
    return Attempt.objects.filter(mailing__owner__email="bench@example.com").latest("pk")


def _end(attempt: Attempt) -> str:
    if attempt.finished_at:
        return "finished"
    if attempt.held_at:
        return "held"
    return "rests" if attempt.problem else "running"


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    print(json.dumps(globals()[command](*words)))
