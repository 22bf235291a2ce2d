"""Messages and mailings, many at once: one's own, those ticked or found, each by itself."""

import pytest
from django.urls import reverse

from mailer.models import Mailing, Message
from mailer.views import many
from testing.factories import MailingFactory, MessageFactory

MESSAGES, MAILINGS = reverse("messages_bulk"), reverse("mailings_bulk")
DONE = {"confirmed": "1"}


@pytest.fixture
def browser(owner, client_of):
    return client_of(owner)


def test_messages_that_no_mailing_sends_are_deleted(owner, browser):
    used, free, other = (MessageFactory(owner=owner, subject=name) for name in ("Used", "Free", "Other"))
    MailingFactory(message=used)
    sent = {"kind": "delete", "pk": [used.pk, free.pk]}
    question = browser.post(MESSAGES, sent).content.decode()
    assert all(name in question for name in ("Used", "Free"))
    assert "Other" not in question
    assert Message.objects.count() == 3
    answer = browser.post(MESSAGES, sent | DONE, follow=True)
    assert "Delete: 1 of 2." in answer.content.decode()
    assert set(Message.objects.all()) == {used, other}


def test_all_that_the_filter_finds_are_paused_and_resumed(owner, browser):
    found = [MailingFactory(message__owner=owner, name=f"Spring {number}") for number in range(3)]
    MailingFactory(message__owner=owner, name="Autumn")
    url = f"{MAILINGS}?q=spring"
    browser.post(url, {"kind": "pause", "everybody": "1"} | DONE)
    paused = Mailing.objects.filter(paused_at__isnull=False)
    assert set(paused) == set(found)
    browser.post(url, {"kind": "resume", "everybody": "1"} | DONE)
    assert not paused.all().exists()
    browser.post(f"{MAILINGS}?state=nonsense", {"kind": "pause", "everybody": "1"} | DONE)
    assert not paused.all().exists()


@pytest.mark.parametrize("kind", ["", "delete", "x" * 5_000, "<b>", "\x00"])
def test_what_is_no_action_is_not_there(kind, browser):
    assert browser.post(MAILINGS, {"kind": kind, "everybody": "1"} | DONE).status_code == 404


@pytest.mark.parametrize("pk", ["", "x", "-1", "9" * 30, "0"])
def test_who_ticks_nothing_is_told(pk, browser):
    answer = browser.post(MESSAGES, {"kind": "archive", "pk": pk} | DONE)
    assert "Nothing is chosen." in answer.content.decode()


def test_nobody_touches_what_is_another_s(owner, stranger, client_of):
    mailing = MailingFactory(message__owner=owner)
    for sent in ({"pk": mailing.pk}, {"everybody": "1"}):
        client_of(stranger).post(MAILINGS, {"kind": "pause"} | sent | DONE)
        client_of(stranger).post(MESSAGES, {"kind": "delete"} | sent | DONE)
    mailing.refresh_from_db()
    assert mailing.paused_at is None


def test_a_list_of_all_users_mailings_has_no_boxes(owner, manager, superuser, client_of):
    MailingFactory(message__owner=owner)
    for user in (manager, superuser):
        page = client_of(user).get(reverse("mailings")).content.decode()
        assert "bulk-form" not in page


def test_more_than_fit_at_once_are_refused_in_a_sentence(owner, browser, monkeypatch):
    monkeypatch.setattr(many, "MOST_AT_ONCE", 2)
    rows = [MessageFactory(owner=owner, subject=f"Spring {number}") for number in range(3)]
    for sent in ({"everybody": "1"}, {"pk": [row.pk for row in rows]}):
        for step in ({}, DONE):
            answer = browser.post(MESSAGES, {"kind": "delete"} | sent | step)
            assert "Only 2 rows can be changed at once, and more are chosen." in answer.content.decode()
    assert set(Message.objects.all()) == set(rows)
    browser.post(MESSAGES, {"kind": "delete", "pk": [row.pk for row in rows[:2]]} | DONE)
    assert set(Message.objects.all()) == {rows[2]}
