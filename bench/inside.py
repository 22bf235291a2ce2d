"""What is done inside the service under test, one command a process: prints one line of JSON.

python -m bench.inside fill 50000 | held SECONDS | release | hurry | clear | allow MAILS | cost SECONDS PID
    | open | small 10 | neighbour 60 | send SECONDS | wait SECONDS | counts
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

from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from bench import processor
from mailer import mailings
from mailer.models import Attempt, Client, ClientGroup, Mailing, MailServer, Message
from mailer.reporting.recounting import differences
from mailer.sending import clock, holding, leases
from mailer.sending.opening import latest_id, run_now
from mailer.transport.refusals import KNOWN
from people.models import User

LINE = "Here is a line of news, about as long as the lines that people write in their mails.<br>\n"
FIRST_NAMES = ["Anna", "Boris", "Chen", "Dmitry", "Elena", "Farid", "Grace"]  # seven
LAST_NAMES = [  # eleven
    "Ivanova", "Smith", "Kim", "Lopez", "Novak", "Okoye", "Petrov", "Rossi", "Sato", "Tran", "Weber",
]  # fmt: skip
BODY = (
    "<style>p{color:#333}</style><p>Dear {{ full_name }},</p>\n<p>"
    + LINE * 14
    + "</p><p>This was sent to {{ email }} by {{ sender_name }}.</p>"
)


def fill(number: str, size: str = "0") -> dict[str, Any]:
    """One owner with one group of so many clients and a mailing to it; what was there is deleted.

    `size`: octets of the message, if it is to be large.
    """
    _clear()
    _empty()
    owner = User.objects.create_user(email="bench@example.com", name="Bench")
    group = ClientGroup.objects.create(owner=owner, name="All")
    total = int(number)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_CLIENTS, [owner.pk, FIRST_NAMES, LAST_NAMES, total])
            cursor.execute(_MEMBERS, [group.pk])
    else:
        _fill_slowly(owner, group, total)
    _mailing(owner, group, body=BODY + LINE * (int(size) // len(LINE)))
    _tidy()
    return {"clients": total}


_CLIENTS = """
INSERT INTO mailer_client (owner_id, created_at, form_key, email, address_key, full_name, comment)
SELECT %s, now(), gen_random_uuid(), 'client' || n || '@example.org', 'client' || n || '@example.org',
    (%s::text[])[1 + n %% 7] || ' ' || (%s::text[])[1 + n %% 11], ''
FROM generate_series(0, %s - 1) n
"""
_MEMBERS = (
    "INSERT INTO mailer_clientgroup_clients (clientgroup_id, client_id) SELECT %s, id FROM mailer_client"
)


def _fill_slowly(owner: User, group: ClientGroup, total: int, step: int = 20_000) -> None:
    for first in range(0, total, step):
        rows = [
            Client(
                owner=owner,
                email=f"client{n}@example.org",
                full_name=f"{FIRST_NAMES[n % 7]} {LAST_NAMES[n % 11]}",
            )
            for n in range(first, min(first + step, total))
        ]
        with transaction.atomic():
            made = Client.objects.bulk_create(rows, batch_size=2000)
            through = ClientGroup.clients.through
            through.objects.bulk_create(
                [through(clientgroup_id=group.pk, client_id=row.pk) for row in made], batch_size=2000
            )


def _empty() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Clients and groups too: no constraint ties them to their owner, and the consumer would clean up.
            cursor.execute("TRUNCATE people_user, mailer_client, mailer_clientgroup CASCADE")
        return
    Mailing.objects.all().delete()
    Message.objects.all().delete()
    with connection.cursor() as cursor:  # a million rows, which need not be fetched first
        for model in (ClientGroup.clients.through, Client):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
    User.objects.all().delete()


def _mailing(owner: User, group: ClientGroup, body: str = BODY) -> Mailing:
    now = timezone.now()
    message = Message.objects.create(owner=owner, subject="News for {{ first_name }}", body=body)
    mailing = Mailing.objects.create(
        owner=owner,
        message=message,
        starts_at=now,
        ends_at=now + timedelta(days=30),
        time_zone="UTC",
    )
    mailing.groups.add(group)
    return mailing


def small(number: str) -> dict[str, Any]:
    """Another owner with a small mailing, opened at once."""
    owner, _ = User.objects.get_or_create(email="small@example.com", defaults={"name": "Small"})
    group, _ = ClientGroup.objects.get_or_create(owner=owner, name="All")
    for n in range(int(number)):
        client, _ = Client.objects.get_or_create(owner=owner, email=f"small{n}@example.org")
        group.clients.add(client)
    mailing = Mailing.objects.filter(owner=owner).first() or _mailing(owner, group)
    began = time.time()
    attempt = run_now(mailing=mailing, after=latest_id(mailing))
    while not Attempt.objects.filter(pk=attempt.pk).exclude(status=Attempt.Status.RUNNING).exists():
        time.sleep(0.02)
    return {"small": int(number), "seconds": round(time.time() - began, 2)}


def clear() -> dict[str, Any]:
    _clear()
    _tidy()
    return {}


def _clear() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "TRUNCATE mailer_delivery, mailer_lease, mailer_attempt, mailer_mailserver CASCADE"
            )
        else:
            for table in ("delivery", "lease", "attempt", "mailserver"):
                cursor.execute(f"DELETE FROM mailer_{table}")


def _tidy() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "VACUUM")


def open() -> dict[str, Any]:
    mailing = Mailing.objects.get(owner__email="bench@example.com")
    began = time.time()
    attempt = run_now(mailing=mailing, after=latest_id(mailing))
    return {"attempt": attempt.pk, "began": began, "opened": time.time()}


def wait(seconds: str) -> dict[str, Any]:
    """Wait until the latest attempt is finished, or so long."""
    end = time.time() + float(seconds)
    while time.time() < end:
        attempt = Attempt.objects.filter(mailing__owner__email="bench@example.com").latest("pk")
        if attempt.finished_at:
            break
        time.sleep(0.1)
    return {
        "status": attempt.status,
        "total": attempt.total,
        "sent": attempt.sent,
        "failed": attempt.failed,
        "possibly_twice": attempt.possibly_twice,
        "finished": attempt.finished_at.timestamp() if attempt.finished_at else None,
        "answers": attempt.server_response,
    }


def send(seconds: str) -> dict[str, Any]:
    """Open a run, wait until it is finished, and say what a mail took.

    All in this process: to start another one meanwhile would cost more than the waiting.
    """
    opened = open()
    before = processor.seconds()
    result = {**opened, **wait(seconds)}
    spent = {kind: n - before.get(kind, 0.0) for kind, n in processor.seconds().items()}
    if result["finished"]:
        result["rate"] = round(result["sent"] / (result["finished"] - result["opened"]))
        result["microseconds"] = {kind: round(n / result["sent"] * 1e6) for kind, n in spent.items() if n > 0}
    return result


def allow(mails: str = "") -> dict[str, Any]:
    """Set the owner's daily allowance; none, if nothing is said."""
    User.objects.filter(email="bench@example.com").update(mails_per_day=int(mails) if mails else None)
    return {}


def cost(seconds: str, consumer: str) -> dict[str, Any]:
    """Send one run; the CPU time per mail of one consumer and of this database's backends.

    Backends end meanwhile, so each is looked at over and over.
    """
    opened, end, spent = open(), time.time() + float(seconds), {}
    before = {pid: processor.of_process(pid) for pid in [int(consumer), *_backends()]}
    attempt = Attempt.objects.get(pk=opened["attempt"])
    while not attempt.finished_at and time.time() < end:
        time.sleep(0.05)
        attempt.refresh_from_db()
        for pid in [int(consumer), *_backends()]:
            used = processor.of_process(pid) - before.get(pid, 0.0)
            spent[pid] = max(spent.get(pid, 0.0), used)
    each = {pid: round(used / attempt.sent * 1e6, 1) for pid, used in spent.items()}
    ours = each.pop(int(consumer))
    return {
        "total": attempt.total,
        "sent": attempt.sent,
        "consumer": ours,
        "PostgreSQL": round(sum(each.values()), 1),
    }


def _backends() -> list[int]:
    """The backends that work for this database, but for this connection's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in cursor.fetchall()]


def differing() -> dict[str, Any]:
    """The stored figures that differ from the ledger."""
    return {"differences": [str(found) for found in differences()]}


def held(seconds: str) -> dict[str, Any]:
    """Wait until the latest attempt is held or the server rests; say how it is explained."""
    end = time.time() + float(seconds)
    while time.time() < end:
        attempt = Attempt.objects.filter(mailing__owner__email="bench@example.com").latest("pk")
        rests = holding.resumes_at(attempt.pk)
        if attempt.held_at or rests:
            break
        time.sleep(0.1)
    return {
        "held": attempt.held_at is not None,
        "rests for": round((rests - clock.now()).total_seconds()) if rests else None,
        "answer": attempt.problem,
        "in words": {
            language: text.sentence if (text := KNOWN.texts.get((attempt.problem_code, language))) else ""
            for language in ("en", "ru")
        },
    }


def release() -> dict[str, Any]:
    """What "Try again" does; the server's rest is over as well."""
    attempt = Attempt.objects.filter(mailing__owner__email="bench@example.com").latest("pk")
    MailServer.objects.update(rests_until=None)
    if not mailings.try_again(attempt):
        attempt.deliveries.filter(status="queued").update(next_try_at=clock.now())
        leases.enqueue(attempt.pk)
    return {}


def hurry() -> dict[str, Any]:
    """Try again at once what waits for another try; nothing rests any longer."""
    attempts = Attempt.objects.running()
    attempts.update(resumes_at=None)
    MailServer.objects.update(rests_until=None)
    for attempt in attempts:
        attempt.deliveries.filter(status="queued").update(next_try_at=clock.now())
        leases.enqueue(attempt.pk)
    return {"running": len(attempts)}


def neighbour(number: str) -> dict[str, Any]:
    """Another owner, and at once a run to so many recipients that make the server disconnect."""
    owner = User.objects.create_user(email="neighbour@example.com", name="Neighbour")
    group = ClientGroup.objects.create(owner=owner, name="All")
    for n in range(int(number)):
        group.clients.add(Client.objects.create(owner=owner, email=f"poison{n}@example.org"))
    attempt = run_now(mailing=_mailing(owner, group), after=None)
    return {"attempt": attempt.pk}


def counts() -> dict[str, Any]:
    """The ledger of the latest attempt: by status, and who may have been mailed twice."""
    attempt = Attempt.objects.filter(mailing__owner__email="bench@example.com").latest("pk")
    rows = attempt.deliveries
    return {
        "statuses": dict(rows.values_list("status").annotate(n=Count("pk"))),
        "tries used up": rows.filter(status="sent", tries__gt=1).count(),
        "possibly_twice": sorted(rows.filter(possibly_twice=True).values_list("email", flat=True)),
    }


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    print(json.dumps(globals()[command](*words)))
