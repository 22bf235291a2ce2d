"""The queue cannot be reached: what people do is done all the same, and the sweep finds the rest."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client as Browser
from django.utils import timezone
from huey.contrib.djhuey import HUEY

from mailer import mailings, oversight
from mailer.models import Attempt
from people.models import User
from site_config.queue import QUEUE_AWAY
from testing.factories import ClientFactory, MailingFactory
from testing.sending import come_by

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def refused(monkeypatch):
    refused = []

    def refuse(*_args, **_kwargs):
        refused.append(1)
        raise QUEUE_AWAY[-1]("Connection refused")

    HUEY.immediate = False
    monkeypatch.setattr(HUEY.storage, "enqueue", refuse)
    monkeypatch.setattr(HUEY.storage, "add_to_schedule", refuse)
    return refused


@pytest.mark.parametrize("seconds", [-5, 5])
def test_a_mailing_is_saved_and_the_dispatcher_opens_it(owner, seconds, time_machine):
    now = timezone.now()
    mailing = MailingFactory.build(
        owner=owner,
        message=MailingFactory(owner=owner).message,
        starts_at=now + timedelta(seconds=seconds),
        ends_at=now + timedelta(days=1),
    )
    mailings.save_mailing(mailing, clients=[ClientFactory(owner=owner)], groups=[])
    assert mailing.next_run_at == mailing.starts_at
    time_machine.move_to(now + timedelta(seconds=10))
    come_by()
    assert Attempt.objects.filter(mailing=mailing).count() == 1


def test_a_user_is_unblocked(owner, refused):
    oversight.owner_unblocked(user=owner)
    assert refused == [1]


def test_an_account_email_is_sent_at_once():
    answer = Browser().post(
        "/accounts/signup/",
        {"name": "Nina", "email": "nina@example.com", "password1": "correct-horse-7",
         "password2": "correct-horse-7", "time_zone": "Asia/Tokyo"},
    )  # fmt: skip
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/confirm-email/")
    assert User.objects.filter(email="nina@example.com").count() == 1
    assert [message.to for message in mail.outbox] == [["nina@example.com"]]
