"""A mailing's own page and its switches."""

import json

import pytest
from django.utils import timezone

from mailer import mailings
from mailer.models import Attempt, Mailing
from testing.factories import (
    AttemptFactory,
    MailingFactory,
)
from testing.pages import DIALOG, REGION, flat

pytestmark = pytest.mark.django_db


def events(answer):
    return set(json.loads(answer["HX-Trigger"]))


@pytest.fixture
def mailing(owner, message, anna):
    fields = MailingFactory.build(owner=owner, message=message, period="daily")
    return mailings.save_mailing(fields, clients=[anna], groups=[])


def test_pause_and_resume_without_javascript(browser, mailing):
    for name, paused in (("pause", True), ("pause", True), ("resume", False), ("resume", False)):
        answer = browser.post(f"/mailings/{mailing.pk}/{name}/")
        assert answer["Location"] == f"/mailings/{mailing.pk}/"
        mailing.refresh_from_db()
        assert bool(mailing.paused_at) is paused


def test_a_pause_is_undone_from_the_page_that_says_so(browser, mailing):
    page = browser.post(f"/mailings/{mailing.pk}/pause/", follow=True)
    assert f'<form class="toast-undo" method="post" action="/mailings/{mailing.pk}/resume/">' in flat(page)
    again = browser.post(f"/mailings/{mailing.pk}/pause/", follow=True)  # that did nothing: nothing to undo
    assert f'<form class="toast-undo" method="post" action="/mailings/{mailing.pk}' not in flat(again)


def test_pause_in_a_row_gives_the_row_back_and_on_a_page_reloads_it(browser, mailing):
    url = f"/mailings/{mailing.pk}/pause/"
    row = browser.post(url, headers={"HX-Request": "true", "HX-Target": f"mailing-{mailing.pk}"})
    assert flat(row).startswith("<tr")
    assert "Resume" in flat(row)
    page = browser.post(url, headers={"HX-Request": "true"})
    assert (page.status_code, events(page)) == (204, {"mailings:changed", "toasts"})


def test_a_get_throws_no_switch(browser, mailing):
    assert browser.get(f"/mailings/{mailing.pk}/pause/").status_code == 302
    mailing.refresh_from_db()
    assert mailing.paused_at is None


def test_a_disabled_mailing_has_no_switch_and_says_by_whom_and_why(browser, mailing, stranger):
    stranger.name = "Mark Manager"
    stranger.save()
    Mailing.objects.filter(pk=mailing.pk).update(
        disabled_at=timezone.now(), disabled_by=stranger, disabled_reason="Complaints <b>"
    )
    html = browser.get(f"/mailings/{mailing.pk}/").content.decode()
    assert "by Mark Manager: nothing is sent until a manager enables it again." in html
    assert "Reason: Complaints &lt;b&gt;" in html
    assert "/pause/" not in html
    answer = browser.post(f"/mailings/{mailing.pk}/run/", {"after": ""})
    assert answer.context["problem"] == "This mailing was disabled by a manager."


@pytest.mark.django_db(transaction=True)
def test_run_now_asks_first_and_runs_once_for_a_click_sent_twice(browser, mailing, smtp):
    url = f"/mailings/{mailing.pk}/run/"
    asked = browser.get(url, headers=DIALOG)
    assert "to 1 recipient now" in asked.content.decode()
    assert asked.context["after"] is None
    first = browser.post(url, {"after": ""}, headers=DIALOG)
    assert (first.status_code, events(first)) == (204, {"mailings:changed", "dialog:close", "toasts"})
    again = browser.post(url, {"after": ""}, headers=DIALOG)
    assert again.status_code == 422
    assert again.context["problem"] == "This mailing has run already; nothing was sent twice."
    assert smtp.recipients == ["anna@example.org"]


def test_run_now_says_at_once_why_not(browser, mailing):
    mailings.pause(mailing)
    asked = browser.get(f"/mailings/{mailing.pk}/run/", headers=DIALOG)
    assert asked.context["problem"] == "This mailing is paused. Resume it first."
    assert "Send now" not in asked.content.decode()


@pytest.mark.parametrize("after", ["x", "-1", "9" * 40, "\x00"])
def test_run_now_with_a_damaged_form(after, browser, mailing):
    AttemptFactory(mailing=mailing)
    answer = browser.post(f"/mailings/{mailing.pk}/run/", {"after": after})
    assert answer.status_code == 422
    assert Attempt.objects.count() == 1


def test_the_page_of_a_mailing_is_live_while_it_runs(browser, mailing):
    url = f"/mailings/{mailing.pk}/"
    assert browser.get(url).context["poll"] == 30
    attempt = AttemptFactory(mailing=mailing, status="running", finished_at=None, total=4, sent=1)
    page = browser.get(url, headers=REGION)
    assert page.context["poll"] == 1
    assert '<progress max="4" value="1"' in flat(page)
    Attempt.objects.filter(pk=attempt.pk).update(problem="535 5.7.8 Bad log-in", held_at=timezone.now())
    held = browser.get(url).content.decode()
    assert "535 5.7.8 Bad log-in" in held
    assert f'action="/reports/{attempt.pk}/retry/"' in held
