"""The page that log-in leads to: what runs, what comes, what needs a hand, and the first steps."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer import mailings
from testing.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory


def done_steps(page):
    return [step.done for step in page.context["overview"].steps]


@pytest.mark.django_db
class TestSignedIn:
    @pytest.fixture
    def mailing(self, owner):
        return MailingFactory(
            message=MessageFactory(owner=owner, subject="<b>My news</b>"),
            status="running",
            next_run_at=timezone.now() + timedelta(hours=3),
            period="daily",
        )

    def test_it_shows_what_runs_and_what_comes(self, owner, client_of, mailing):
        AttemptFactory(mailing=mailing, status="running", finished_at=None, total=10, sent=4)
        done = AttemptFactory(mailing=mailing, total=3, sent=3)
        page = client_of(owner).get("/start/")
        overview = page.context["overview"]
        assert [attempt.done for attempt in overview.running] == [4]
        assert [row.pk for row in overview.coming] == [mailing.pk]
        assert [row.pk for row in overview.latest] == [done.pk]
        html = page.content.decode()
        assert "&lt;b&gt;My news&lt;/b&gt;" in html
        assert "<b>My news</b>" not in html
        assert reverse("mailing_detail", args=[mailing.pk]) in html

    def test_it_shows_nothing_of_others(self, stranger, client_of, mailing):
        AttemptFactory(mailing=mailing, status="running", finished_at=None)
        page = client_of(stranger).get("/start/")
        overview = page.context["overview"]
        assert (overview.running, overview.coming, overview.latest) == ([], [], [])
        assert "My news" not in page.content.decode()

    def test_what_is_paused_does_not_come_next(self, owner, client_of, mailing):
        mailings.pause(mailing)
        assert client_of(owner).get("/start/").context["overview"].coming == []

    def test_the_queries_do_not_grow_with_the_rows(
        self, owner, client_of, mailing, django_assert_num_queries
    ):
        browser = client_of(owner)
        AttemptFactory(mailing=mailing)
        browser.get("/start/")
        with CaptureQueriesContext(connection) as few:
            browser.get("/start/")
        for _ in range(30):
            row = MailingFactory(message=mailing.message, next_run_at=timezone.now() + timedelta(hours=9))
            AttemptFactory(mailing=row)
        with django_assert_num_queries(len(few)):
            browser.get("/start/")

    def test_what_failed_lately_or_stands_still_needs_attention(self, owner, client_of, mailing):
        now = timezone.now()
        failed = AttemptFactory(mailing=mailing, status="failed", started_at=now, finished_at=now)
        held = AttemptFactory(
            mailing=mailing, status="running", started_at=now, finished_at=None, held_at=now, problem="550 no"
        )
        long_ago = now - timedelta(days=8)
        AttemptFactory(mailing=mailing, status="failed", started_at=long_ago, finished_at=long_ago)
        attention = client_of(owner).get("/start/").context["overview"].attention
        assert {attempt.pk for attempt in attention} == {failed.pk, held.pk}

    def test_the_figures_are_one_s_own(self, owner, stranger, client_of, mailing):
        ClientFactory.create_batch(2, owner=owner)
        ClientFactory(owner=stranger)
        AttemptFactory(mailing=mailing, started_at=timezone.now(), total=9, sent=7, failed=2)
        AttemptFactory(mailing=mailing, started_at=timezone.now() - timedelta(days=31), total=9, sent=9)
        figures = client_of(owner).get("/start/").context["overview"].figures
        assert (figures.clients, figures.mailings, figures.sent, figures.failed) == (2, 1, 7, 2)

    def test_the_first_steps_are_ticked_off_and_then_go(self, stranger, client_of):
        browser = client_of(stranger)
        assert done_steps(browser.get("/start/")) == [True, False, False, False]
        ClientFactory(owner=stranger)
        assert done_steps(browser.get("/start/")) == [True, True, False, False]
        message = MessageFactory(owner=stranger)
        assert done_steps(browser.get("/start/")) == [True, True, True, False]
        assert "First steps" in browser.get("/start/").content.decode()
        MailingFactory(owner=stranger, message=message)
        assert "First steps" not in browser.get("/start/").content.decode()

    def test_a_manager_sees_all_and_has_no_steps(self, manager, client_of, mailing):
        page = client_of(manager).get("/start/")
        assert [row.pk for row in page.context["overview"].coming] == [mailing.pk]
        assert page.context["overview"].steps == []
        assert "New mailing" not in page.content.decode()

    def test_log_in_leads_here_and_it_asks_for_it(self, client):
        assert client.get("/start/")["Location"] == "/accounts/login/?next=/start/"


@pytest.mark.django_db
def test_it_looks_again_seldom_while_what_runs_is_stopped(owner, client_of):
    mailing = MailingFactory(message=MessageFactory(owner=owner), status="running")
    AttemptFactory(mailing=mailing, status="running", finished_at=None, total=4, sent=1)
    browser = client_of(owner)
    assert browser.get("/start/").context["poll"] == 3
    mailings.pause(mailing)
    assert browser.get("/start/").context["poll"] == 60
