"""Emails about accounts stand in the database until they are sent, and in no queue."""

import pickle
from datetime import timedelta
from smtplib import SMTPRecipientsRefused

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone
from huey.contrib.djhuey import HUEY

from people import outgoing
from people.account_emails import RESET, send_account_email
from people.models import OutgoingEmail
from site_config.queue import QUEUE_AWAY

pytestmark = pytest.mark.django_db(transaction=True)


class Away(BaseEmailBackend):
    def send_messages(self, email_messages):
        raise ConnectionRefusedError("nobody listens")


AWAY = "people.tests.test_outgoing.Away"


def write(**values):
    send_account_email(RESET, to="owner@example.com", link="https://x.example/secret-link/", **values)


def test_a_reset_link_stands_in_no_queue(verified):
    HUEY.immediate = False
    HUEY.flush()
    Browser().post("/accounts/password/reset/", {"email": "owner@example.com"})
    kept = OutgoingEmail.objects.get()
    assert "/accounts/password/reset/key/" in kept.text
    [task] = HUEY.storage.enqueued_items()
    assert b"reset" not in task.replace(b"people", b"")
    assert b"example.com" not in task
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(task)
    HUEY.execute(HUEY.dequeue())
    assert [message.to for message in mail.outbox] == [["owner@example.com"]]
    assert not OutgoingEmail.objects.exists()


def test_it_comes_from_the_account_s_own_address(settings):
    settings.ACCOUNT_FROM_EMAIL = "Accounts <accounts@example.com>"
    write()
    assert mail.outbox[0].from_email == "Accounts <accounts@example.com>"


def test_what_the_mail_server_did_not_take_is_sent_later(settings, time_machine):
    settings.EMAIL_BACKEND = AWAY
    write()
    kept = OutgoingEmail.objects.get()
    assert kept.tries == 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    outgoing.sweep()
    assert mail.outbox == []  # not before its time
    OutgoingEmail.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    outgoing.sweep()
    assert [message.to for message in mail.outbox] == [["owner@example.com"]]
    assert not OutgoingEmail.objects.exists()


def test_queue_and_mail_server_away_at_once_lose_nothing(settings, monkeypatch):
    settings.EMAIL_BACKEND = AWAY
    HUEY.immediate = False

    def refuse(*_args, **_kwargs):
        raise QUEUE_AWAY[-1]("Connection refused")

    with monkeypatch.context() as queue:
        queue.setattr(HUEY.storage, "enqueue", refuse)
        write()
    assert OutgoingEmail.objects.get().tries == 1


def test_pauses_grow_to_an_hour_and_no_further(settings):
    settings.EMAIL_BACKEND = AWAY
    write()
    pauses = []
    for _ in range(9):
        kept = OutgoingEmail.objects.get()
        pauses.append(round((kept.next_try_at - timezone.now()) / timedelta(minutes=1)))
        OutgoingEmail.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
        assert outgoing.deliver(kept.pk) is False
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_two_workers_send_one_email_once(settings):
    HUEY.immediate = False
    write()
    kept = OutgoingEmail.objects.get()
    assert OutgoingEmail.objects.claim(kept.pk) is not None
    assert OutgoingEmail.objects.claim(kept.pk) is None
    assert outgoing.deliver(kept.pk) is False
    assert mail.outbox == []


def test_a_worker_that_was_killed_loses_nothing():
    HUEY.immediate = False
    write()
    kept = OutgoingEmail.objects.get()
    OutgoingEmail.objects.claim(kept.pk)
    OutgoingEmail.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))  # its lease ran out
    assert outgoing.deliver(kept.pk) is True


def test_what_is_of_no_use_any_more_is_given_up():
    HUEY.immediate = False
    write()
    OutgoingEmail.objects.update(created_at=timezone.now() - timedelta(days=3, seconds=1))
    outgoing.sweep()
    assert not OutgoingEmail.objects.exists()
    assert mail.outbox == []


def test_what_is_undone_is_not_sent():
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert mail.outbox == []
    assert not OutgoingEmail.objects.exists()


@pytest.mark.parametrize(("code", "stays"), [(550, False), (451, True)])
def test_an_address_that_the_server_refuses_for_good_is_not_tried_again(code, stays, settings, monkeypatch):
    def refuse(_backend, _messages):
        raise SMTPRecipientsRefused({"owner@example.com": (code, b"No such user")})

    monkeypatch.setattr(Away, "send_messages", refuse)
    settings.EMAIL_BACKEND = AWAY
    write()
    assert OutgoingEmail.objects.exists() is stays
