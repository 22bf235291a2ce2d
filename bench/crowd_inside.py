"""Thousands of mailings that are due in the same second, and somebody who presses "Start now" meanwhile.

Inside the service under test: python -m bench.crowd_inside fill 10000 1000 | watch SECONDS
"""

import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
django.setup()

from django.db.models import Count
from django.utils import timezone

from bench import inside
from mailer.composing.compiling import compile_message
from mailer.models import Attempt, Client, ClientGroup, Mailing, Message
from mailer.sending import clock
from mailer.sending.opening import latest_id, run_now
from people.models import User

IN = 8  # seconds from the filling until all are due, when consumers are up
PRESS_EVERY = 3


def fill(mailings: str, owners: str) -> dict[str, Any]:
    """So many mailings to one client each, all paused, and another user with a mailing to five."""
    inside._clear()
    inside._empty()
    now = timezone.now()
    people = User.objects.bulk_create(
        [User(email=f"owner{n}@example.com", name=f"Owner {n}", password="!") for n in range(int(owners))]
    )
    clients = Client.objects.bulk_create(
        [
            Client(owner=user, email=f"crowd{n}@example.org", full_name=f"Client {n}")
            for n, user in enumerate(people)
        ]
    )
    messages = Message.objects.bulk_create(
        [
            Message(owner=user, subject=f"News {n} for {{{{ first_name }}}}", body=inside.BODY)
            for n, user in enumerate(people)
        ]
    )
    compile_message(subject=messages[0].subject, body=inside.BODY)  # as its form does
    rows = Mailing.objects.bulk_create(
        [
            Mailing(
                owner=people[n % len(people)],
                message=messages[n % len(people)],
                starts_at=now,
                ends_at=now + timedelta(days=30),
                time_zone="UTC",
                paused_at=now,
            )
            for n in range(int(mailings))
        ],
        batch_size=2000,
    )
    through = Mailing.clients.through
    through.objects.bulk_create(
        [through(mailing_id=row.pk, client_id=clients[n % len(clients)].pk) for n, row in enumerate(rows)],
        batch_size=5000,
    )
    _somebody()
    inside._tidy()
    return {"mailings": len(rows)}


def _somebody() -> Mailing:
    owner = User.objects.create_user(email="somebody@example.com", name="Somebody")
    group = ClientGroup.objects.create(owner=owner, name="All")
    group.clients.set([Client.objects.create(owner=owner, email=f"five{n}@example.org") for n in range(5)])
    return inside._mailing(owner, group)


def watch(seconds: str) -> dict[str, Any]:
    """Let all be due at once, press "Start now" again and again; say when what had happened."""
    due = clock.now() + timedelta(seconds=2)
    crowd = Mailing.objects.filter(paused_at__isnull=False)
    number = crowd.count()
    crowd.update(paused_at=None, starts_at=due, next_run_at=due)
    mailing = Mailing.objects.get(owner__email="somebody@example.com")
    time.sleep(max((due - clock.now()).total_seconds(), 0))
    began, seen, pressed = time.time(), [], []
    pressing: tuple[float, int] | None = None
    while time.time() < began + float(seconds):
        opened = Attempt.objects.exclude(mailing=mailing).aggregate(n=Count("pk"), sent=Count("finished_at"))
        seen.append((round(time.time() - began, 1), opened["n"], opened["sent"]))
        if opened["sent"] >= number:
            break
        if pressing is None and time.time() - began > PRESS_EVERY * (len(pressed) + 0.5):
            pressing = (time.time(), run_now(mailing=mailing, after=latest_id(mailing)).pk)
        if pressing and Attempt.objects.filter(pk=pressing[1], finished_at__isnull=False).exists():
            pressed.append((round(pressing[0] - began, 2), round(time.time() - pressing[0], 2)))
            pressing = None
        time.sleep(0.25)
    if pressing:
        pressed.append((round(pressing[0] - began, 2), None))
    return {"mailings": number, "due": began, "seen": seen, "pressed": pressed}


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    print(json.dumps(globals()[command](*words)))
