"""The demo as it is loaded: once for all these tests, which only look at it."""

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from content.models import Article
from content.sanitise import clean_body
from mailer.composing.merge import check_template
from mailer.models import Attempt, Client, Mailing, Message
from mailer.sending.ledger import tally
from mailer.sending.sweep import unattended
from mailer.transport.answers import summary
from people.models import User
from site_config.demo.loading import LOGINS, PASSWORD

DJANGO_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
pytestmark = pytest.mark.django_db
RESERVED = ("example.com", "example.org", "example.net")


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker, tmp_path_factory):
    media = tmp_path_factory.getbasetemp() / "demo"
    with django_db_blocker.unblock(), transaction.atomic():
        with override_settings(MEDIA_ROOT=media):
            call_command("load_demo", verbosity=0)
        yield media
        transaction.set_rollback(True)


def test_the_password_that_is_printed_opens_every_account(demo, rf):
    with override_settings(PASSWORD_HASHERS=DJANGO_HASHERS):
        users = [authenticate(rf.get("/"), email=email, password=PASSWORD) for email in LOGINS]
    assert [user and user.email for user in users] == list(LOGINS)
    assert Counter((user.is_staff, user.is_superuser) for user in users) == {
        (False, False): 3,
        (True, False): 1,
        (True, True): 1,
    }


def test_nothing_is_due_and_nobody_real_is_mailed(demo):
    now = timezone.now()
    assert not Mailing.objects.due(now + timedelta(minutes=90)).exists()
    assert unattended(now) == []
    addresses = [
        *Client.objects.values_list("email", flat=True),
        *User.objects.values_list("email", flat=True),
    ]
    assert {email.rpartition("@")[2] for email in addresses} <= set(RESERVED)


def test_counts_are_those_of_the_ledger(demo):
    names = ("sent", "failed", "skipped", "expired")
    for attempt in Attempt.objects.all():
        counts = tally(attempt.pk)
        assert {name: getattr(attempt, name) for name in names} == {name: counts[name] for name in names}
        assert attempt.total == counts.total()
        twice = attempt.deliveries.filter(possibly_twice=True).count()
        assert attempt.possibly_twice == twice
        if attempt.status != "running":
            assert attempt.server_response == summary(attempt.answers)
            clean = counts["sent"] and not counts["failed"] and not counts["expired"]
            unsent = "partly" if counts["sent"] else "failed"
            assert attempt.status == ("succeeded" if clean else unsent)


def test_states_are_settled_and_runs_are_on_schedule(demo):
    before = dict(Mailing.objects.values_list("pk", "status"))
    for mailing in Mailing.objects.all():
        mailing.settle_status(now=timezone.now())
        schedule = mailing.schedule
        for attempt in mailing.attempts.all():
            assert schedule.at(schedule.index_at(attempt.scheduled_for)) == attempt.scheduled_for
    assert dict(Mailing.objects.values_list("pk", "status")) == before


def test_messages_can_be_merged(demo):
    for message in Message.objects.all():
        check_template(message.subject)
        check_template(message.body)


def test_the_blog_has_its_pictures_and_shows_nothing_before_its_time(demo, settings, client):
    settings.MEDIA_ROOT = demo
    articles = list(Article.objects.all())
    assert Counter(article.is_public for article in articles) == {True: 8, False: 2}
    assert [article.slug for article in articles if clean_body(article.body) != article.body] == []
    for article in articles:
        page = client.get(article.get_absolute_url())
        assert page.status_code == (200 if article.is_public else 404)
        if article.image:
            picture = client.get(article.image.url)
            assert picture.status_code == 200
            assert b"".join(picture.streaming_content)[:2] == b"\xff\xd8"
