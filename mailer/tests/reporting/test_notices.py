"""What owners are told: in the site and by mail, once, and only what they chose."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer import notices
from mailer.models import Suppression
from mailer.oversight import disable
from mailer.reporting.digest import send_digests
from mailer.sending import holding
from people.models import Notification, OutgoingEmail, User
from people.notifying import NOTICES, choose, forget_old, notify
from testing.factories import AttemptFactory, MailingFactory, MessageFactory
from testing.pages import flat
from testing.sending import start

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 6, 8, 7, 5, tzinfo=UTC)  # 10:05 in Moscow


@pytest.fixture
def mailing(owner):
    return MailingFactory(message=MessageFactory(owner=owner), name="Spring")


@pytest.fixture
def attempt(mailing):
    return AttemptFactory(mailing=mailing, status="running", finished_at=None)


def told(user):
    return list(Notification.objects.filter(user=user).values_list("kind", flat=True))


def mailed(user):
    return list(OutgoingEmail.objects.filter(to=user.email).order_by("pk").values_list("subject", flat=True))


def test_a_held_run_is_told_once_in_plain_words(owner, attempt):
    answer = "550 5.7.1 anna@example.org: relaying denied"
    holding.hold(attempt.pk, answer, code="relaying-denied")
    holding.hold(attempt.pk, answer)
    assert told(owner) == ["run_held"]
    assert mailed(owner) == ["On hold: Spring"]
    assert "anna" not in OutgoingEmail.objects.get().text
    owner.refresh_from_db()
    assert owner.unread == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_failed_and_a_mailing_that_finished_are_told(owner, smtp):
    smtp.at_rcpt = lambda _: "550 5.1.1 no such user"
    start(owner, 2, period="once")
    assert told(owner) == ["run_failed"]
    smtp.at_rcpt = lambda _: None
    MailingFactory(message=MessageFactory(owner=owner))
    Notification.objects.all().delete()
    owner.clients.all().delete()
    Suppression.objects.all().delete()
    start(owner, 2, period="once")
    assert told(owner) == ["mailing_finished"]


@pytest.mark.django_db(transaction=True)
def test_a_run_of_many_says_nothing_while_all_is_well(owner, smtp):
    start(owner, 2, period="daily")
    assert told(owner) == []


def test_a_mailing_that_a_manager_disables_is_told(owner, mailing, manager):
    assert disable(mailing=mailing, by=manager, reason="Spam")
    assert not disable(mailing=mailing, by=manager, reason="Spam")
    assert (told(owner), mailed(owner)) == (["mailing_disabled"], ["Your mailing was disabled"])


@pytest.mark.parametrize(
    ("mail", "site", "mails", "unread"),
    [
        (["run_held"], ["run_held"], 1, 1),
        (["run_held"], [], 1, 0),
        ([], ["run_held"], 0, 1),
        ([], [], 0, 0),
        (["digest"], ["digest"], 0, 0),
    ],
)
def test_one_is_told_what_one_chose_and_how(mail, site, mails, unread, owner, attempt):
    choose(owner, mail=mail, site=site)
    holding.hold(attempt.pk, "535 no")
    owner.refresh_from_db()
    assert (len(mailed(owner)), owner.unread) == (mails, unread)


def test_the_week_is_told_on_monday_morning_of_one_s_own_clock(owner, stranger, mailing):
    run = {"sent": 5, "failed": 1, "expired": 1, "total": 7, "status": "partly"}
    AttemptFactory(mailing=mailing, scheduled_for=MONDAY - timedelta(days=3), **run)
    AttemptFactory(mailing=mailing, scheduled_for=MONDAY - timedelta(days=8), **run)
    stop = Suppression.objects.create(owner=owner, email="a@example.org", reason="unsubscribed")
    Suppression.objects.filter(pk=stop.pk).update(created_at=MONDAY - timedelta(days=2))
    for moment in (MONDAY - timedelta(hours=3), MONDAY + timedelta(hours=5), MONDAY - timedelta(days=1)):
        assert send_digests(now=moment) == 0
    assert send_digests(now=MONDAY) == 1
    assert send_digests(now=MONDAY + timedelta(hours=1)) == 0
    assert mailed(owner) == ["Your week: 5 mails sent"]
    assert "Runs: 1. Sent: 5. Not delivered: 2. Unsubscribed: 1." in OutgoingEmail.objects.get().text
    path = Notification.objects.get().path
    assert path == "/reports/figures/?since=2026-06-01&until=2026-06-07"
    assert told(stranger) == []


def test_the_page_shows_one_s_own_and_then_none_is_new(browser, owner, stranger):
    notices.import_done(owner, import_id=1, file="<clients>.csv", outcome="3 new, 0 changed, 1 left out.")
    notices.import_done(stranger, import_id=2, file="theirs.csv", outcome="")
    assert 'class="unread" aria-hidden="true">1<' in flat(browser.get("/start/"))
    html = flat(browser.get(reverse("notifications")))
    assert "Import done: &lt;clients&gt;.csv" in html
    assert "3 new, 0 changed, 1 left out." in html
    assert ">new</span>" in html
    assert "theirs" not in html
    again = flat(browser.get(reverse("notifications")))
    assert ">new</span>" not in again
    assert 'class="unread"' not in again


def test_what_is_told_can_be_switched_off(browser, owner):
    url = reverse("account_notices")
    form = browser.get(url).context["form"]
    assert form.initial["site"] == sorted(NOTICES)
    assert form.initial["mail"] == [
        "archive_ready",
        "digest",
        "domain_lost",
        "mailing_disabled",
        "run_failed",
        "run_held",
        "run_released",
    ]
    assert browser.post(url, {"mail": ["digest"], "site": []}).status_code == 302
    owner.refresh_from_db()
    assert owner.notices == {"mail": ["digest"], "site": []}
    assert browser.post(url, {"mail": ["nonsense"]}).status_code == 422
    owner.refresh_from_db()
    assert owner.notices == {"mail": ["digest"], "site": []}


def test_old_ones_are_forgotten(owner):
    notify(owner, "digest", key="1", path="/", runs=1, sent=1, refused=0, left=0)
    assert forget_old() == 0
    Notification.objects.update(created_at=timezone.now() - timedelta(days=91))
    assert forget_old() == 1


def test_a_user_s_notifications_go_with_the_user(owner, attempt):
    holding.hold(attempt.pk, "535 no")
    attempt.mailing.delete()
    User.objects.filter(pk=owner.pk).delete()
    assert not Notification.objects.exists()
