"""The page for those who look after the service: consumers, the mail server, held runs."""

from datetime import timedelta

import pytest
from django.utils import timezone
from redis.exceptions import OutOfMemoryError

from mailer.models import Consumer, MailServer
from site_config import health
from testing.factories import AttemptFactory, MailingFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def well(monkeypatch):
    """Database and queue, without a thread that would write beside the test's transaction."""
    parts = tuple(health.Part(name, lambda: None) for name in ("database", "queue"))
    monkeypatch.setattr(health, "PARTS", parts)


def page(user, client_of):
    return client_of(user).get("/service/")


def test_it_is_for_those_who_look_after_mailings(owner, manager, superuser, client, client_of):
    assert page(owner, client_of).status_code == 403
    assert client.get("/service/").status_code == 302
    assert page(manager, client_of).status_code == page(superuser, client_of).status_code == 200
    assert b'href="/service/"' in page(manager, client_of).content
    assert b'href="/service/"' not in client_of(owner).get("/start/").content


def test_nobody_sends(manager, client_of):
    text = page(manager, client_of).content.decode()
    assert "None is running: nothing is sent." in text
    assert "In use." in text


def test_what_keeps_mail_from_going_out_is_there(owner, manager, client_of):
    now = timezone.now()
    until = (now + timedelta(minutes=50)).isoformat()
    for name in ("a:1", "b:2"):
        Consumer.objects.create(
            name=name, started_at=now, seen_at=now, distrusted=[["mx.example.com:25", "CHUNKING", until]]
        )
    Consumer.objects.create(name="gone:3", started_at=now, seen_at=now - timedelta(minutes=5))
    MailServer.objects.create(rests_until=now + timedelta(minutes=5), answer="421 4.3.2 <b>Not now</b>")
    for _ in range(3):
        AttemptFactory(
            mailing=MailingFactory(message__owner=owner),
            status="running",
            held_at=now,
            problem="550 5.7.1 no",
            finished_at=None,
        )
    text = page(manager, client_of).content.decode()
    assert "a:1, running since" in text
    assert "b:2, running since" in text
    assert "gone:3" not in text
    assert text.count("CHUNKING, mx.example.com:25, ") == text.count("not used until") == 2
    assert "421 4.3.2 &lt;b&gt;Not now&lt;/b&gt;" in text
    assert text.count(">550 5.7.1<") == 3, "a manager sees the codes and no words that may hold an address"
    assert text.count(owner.email) == 3


def test_what_is_the_matter_with_a_part_is_said(manager, client_of, monkeypatch):
    def fail():
        raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")

    monkeypatch.setattr(health, "PARTS", (health.Part("queue", fail),))
    assert "<dd>full</dd>" in page(manager, client_of).content.decode()
