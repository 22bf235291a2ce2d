"""What takes large things apart, or moves all of them; in seconds, and the data is used up by it."""

import argparse
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction

from bench.lists import data
from mailer import mailings
from mailer.audience.membership import put_into
from mailer.models import Attempt, Client, ClientGroup, Mailing
from mailer.sending import leftovers, pruning
from people.accounts import delete_account
from people.models import User


def run(asked: argparse.Namespace) -> None:
    """Nothing of it is queued: what the consumer would do is measured by itself."""
    owner = User.objects.get(email="big@example.com")
    superuser = User.objects.get(email="superuser@example.com")
    clients = Client.objects.owned_by(owner)
    group = ClientGroup.objects.create(owner=owner, name="All of them")
    _timed(f"{clients.count()} clients into a group", lambda: len(put_into(group=group, clients=clients)))
    _timed("the same again", lambda: len(put_into(group=group, clients=clients)))
    _timed("delete the group", group.delete)
    mailing = Attempt.objects.filter(mailing__owner=owner).earliest("pk").mailing
    for number in range(asked.runs):
        data.add_attempt(mailing, hours_ago=number + 48)
        data.analyse()
    if asked.runs:
        _prune_one(mailing)
    mails = mailings.mails_of(mailing)
    _timed(f"delete a mailing with {mails} mails", lambda: _unqueued(mailings.delete, mailing))
    _timed("its rows, in the consumer", leftovers.remove)
    _timed("delete the account", lambda: _unqueued(delete_account, user=owner, by=superuser))
    _timed("its clients, in the consumer", leftovers.remove)


def _prune_one(mailing: Mailing) -> None:
    oldest = mailing.attempts.earliest("finished_at")
    before = oldest.finished_at + timedelta(minutes=1)
    _timed(f"prune {oldest.total} mails", lambda: pruning.prune(before=before))


def _unqueued(call: Callable[..., object], *args: object, **kwargs: object) -> None:
    with transaction.atomic():
        call(*args, **kwargs)
        transaction.get_connection().run_on_commit.clear()


def _timed(name: str, call: Callable[[], object]) -> None:
    began = time.monotonic()
    said = call()
    print(f"{name:44} {time.monotonic() - began:7.1f} s  {said or ''}", flush=True)
