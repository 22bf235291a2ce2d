"""The daily allowance is exact among processes too, as consumers on several machines are."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from mailer.guard import allowance
from mailer.models import Attempt, Delivery, Lease
from mailer.sending import clock, leases
from people.models import User
from testing.factories import ClientFactory
from testing.sending import come_by, make_mailing

pytestmark = [pytest.mark.services, pytest.mark.alone, pytest.mark.django_db(transaction=True)]
PROCESSES, EACH, ALLOWED = 10, 40, 137
# Django is loaded once; then each worker is a process of its own, with connections of its own.
WORKERS = """
import json, os, sys, django
django.setup()
from mailer.sending import worker
workers = []
for attempt, token in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        worker._send(attempt, token, lambda _: None)
        os._exit(0)
    workers.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in workers))
"""


def environment(port):
    db = connection.settings_dict
    login = f"{db['USER']}:{db['PASSWORD']}" if db["PASSWORD"] else db["USER"]
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "site_config.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
        "DATABASE_URL": f"postgres://{login}@{db['HOST']}:{db['PORT'] or 5432}/{db['NAME']}",
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
        "MAIL_SLICE_SECONDS": "60",
        "MAIL_WINDOW": "10",
    }


def opened(owner, monkeypatch):
    """Ten runs that nobody sends for yet."""
    with monkeypatch.context() as patched:
        patched.setattr(leases, "_queue", lambda *_: None)
        for run in range(PROCESSES):
            people = [ClientFactory(owner=owner, email=f"{run}-{n}@example.org") for n in range(EACH)]
            make_mailing(owner, people)
    return list(Lease.objects.values_list("attempt_id", "token"))


def test_never_one_mail_too_many_among_ten_processes(owner, rough, monkeypatch):
    if connection.vendor != "postgresql" or not settings.REDIS_URL:
        pytest.skip("needs DATABASE_URL and REDIS_URL")
    User.objects.filter(pk=owner.pk).update(mails_per_day=ALLOWED)
    owner.mails_per_day = ALLOWED
    runs = json.dumps(opened(owner, monkeypatch))
    subprocess.run(
        [sys.executable, "-c", WORKERS, runs], env=environment(rough.port), check=True, timeout=120
    )
    come_by()  # those who stopped while others had mails in hand
    rows = Delivery.objects.filter(attempt__mailing__owner=owner)
    assert rows.filter(status__in=("sent", "failed", "sending")).count() == ALLOWED
    assert allowance.used(owner.pk, now=clock.now()) == ALLOWED
    assert len(rough.taken) == len({mail.recipient for mail in rough.taken}) == ALLOWED
    assert Attempt.objects.filter(sent__gt=0).count() > 1  # they did send beside one another
