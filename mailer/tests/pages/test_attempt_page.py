"""The page of one run: pages of its mails by their keys, what answers mean, and how it goes on."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from mailer.models import Attempt, Lease, Mailing, MailServer
from mailer.sending.progress import progress_of
from site_config.ui import lists
from testing.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, MessageFactory
from testing.pages import flat

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner):
    return MailingFactory(message=MessageFactory(owner=owner))


@pytest.fixture
def attempt(mailing):
    """Seven mails, two of them refused."""
    attempt = AttemptFactory(mailing=mailing, total=7, sent=5, failed=2)
    for number in range(7):
        client = ClientFactory(owner=mailing.owner, email=f"{number}@example.org")
        refused = {"status": "failed", "response": "550 5.1.1 <x@example.org>: User unknown"}
        DeliveryFactory(attempt=attempt, client=client, **(refused if number in (2, 5) else {}))
    return attempt


@pytest.fixture
def running(mailing):
    """A run of ten mails that nobody sends."""
    cache.clear()
    begun = timezone.now() - timedelta(minutes=2)
    attempt = AttemptFactory(
        mailing=mailing, status="running", started_at=begun, finished_at=None, total=10, sent=4
    )
    DeliveryFactory(attempt=attempt, status="queued", next_try_at=begun)
    return attempt


@pytest.fixture
def three_a_page(monkeypatch):
    monkeypatch.setattr(lists, "PER_PAGE", 3)


def page(browser, attempt, query=""):
    """The first letters of the addresses on a page, and the pages that it leads to."""
    answer = browser.get(f"/reports/{attempt.pk}/{query}")
    table = answer.context["table"]
    links = [
        name for name in ("first", "back", "next", "last") if f'id="page-{name}"' in answer.content.decode()
    ]
    return "".join(row.record.email[0] for row in table.rows), links, table


def test_pages_go_forth_and_back_by_keys(attempt, browser, three_a_page):
    emails, links, table = page(browser, attempt)
    assert (emails, links) == ("012", ["next", "last"])
    emails, links, table = page(browser, attempt, f"?after={table.key_page.last}")
    assert (emails, links) == ("345", ["first", "back", "next", "last"])
    emails, links, after = page(browser, attempt, f"?after={table.key_page.last}")
    assert (emails, links) == ("6", ["first", "back"])
    emails, links, _table = page(browser, attempt, f"?before={after.key_page.first}")
    assert (emails, links) == ("345", ["first", "back", "next", "last"])
    emails, links, _table = page(browser, attempt, "?last=1")
    assert (emails, links) == ("456", ["first", "back"])
    emails, links, _table = page(browser, attempt, "?status=failed")
    assert (emails, links) == ("25", [])


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "1.5", "٣", "%00"])
def test_an_address_that_names_no_row_leads_to_the_first_page(value, attempt, browser, three_a_page):
    assert page(browser, attempt, f"?after={value}")[0] == "012"
    assert page(browser, attempt, f"?before={value}")[0] == "012"


@pytest.mark.parametrize(
    ("query", "found"), [("", 7), ("?status=sent", 5), ("?status=failed", 2), ("?q=example", None)]
)
def test_how_many_there_are_is_what_the_run_counted(query, found, attempt, browser):
    assert page(browser, attempt, query)[2].found == found


def test_each_refusal_says_what_it_means(attempt, browser):
    Attempt.objects.filter(pk=attempt.pk).update(answers={"550 5.1.1 …: User unknown": 2, "250 Ok": 5})
    html = flat(browser.get(f"/reports/{attempt.pk}/"))
    assert html.count("This address does not exist.") == 3
    assert "<strong>2 ×</strong>This address does not exist. It is on the stop-list now." in html


def test_a_run_that_is_over_says_how_long_it_took(mailing, browser):
    begun = timezone.now() - timedelta(hours=1)
    attempt = AttemptFactory(
        mailing=mailing, started_at=begun, finished_at=begun + timedelta(seconds=90), total=300, sent=300
    )
    html = flat(browser.get(f"/reports/{attempt.pk}/"))
    assert '1 min 30 s<span class="optional">200 mails a minute</span>' in html


def test_a_run_that_nobody_takes_up_says_so(running):
    waits = progress_of(running).waits
    assert waits == "No consumer has picked it up. Ask the people who run the service whether one is running."
    Lease.objects.create(attempt=running, expires_at=timezone.now() + timedelta(seconds=20))
    assert progress_of(running).waits == "It is waiting its turn behind other mailings."


def test_a_run_that_goes_on_says_how_fast(running):
    Lease.objects.create(attempt=running, running=True, expires_at=timezone.now() + timedelta(seconds=9))
    progress = progress_of(running)
    assert (progress.waits, progress.per_minute) == ("", 2)
    assert progress.seconds_left == pytest.approx(180, abs=2)


def test_the_pace_is_that_of_the_last_minute(running, time_machine):
    Lease.objects.create(attempt=running, running=True, expires_at=timezone.now() + timedelta(minutes=9))
    progress_of(running)
    time_machine.move_to(timezone.now() + timedelta(seconds=10), tick=False)
    running.sent = 9
    assert progress_of(running).per_minute == pytest.approx(30, abs=1)


@pytest.mark.parametrize(
    ("limit", "why"),
    [(0, "The mail server is slow to answer."), (1, "This service sends only so many mails a minute")],
)
def test_a_run_that_stands_still_for_a_minute_says_why(limit, why, running, time_machine, settings):
    settings.MAIL_RATE_PER_MINUTE = limit
    Lease.objects.create(attempt=running, running=True, expires_at=timezone.now() + timedelta(minutes=9))
    begun = timezone.now()
    for seconds in range(0, 60, 5):
        time_machine.move_to(begun + timedelta(seconds=seconds), tick=False)
        assert bool(progress_of(running).waits) is (seconds >= 50)
    assert progress_of(running).waits.startswith(why)
    running.sent += 1
    assert progress_of(running).waits == ""


@pytest.mark.parametrize(
    ("changed", "waits"),
    [
        ({"paused_at": timezone.now()}, "The mailing is paused."),
        ({"disabled_at": timezone.now()}, "A manager disabled the mailing."),
    ],
)
def test_a_mailing_that_is_switched_off_says_so(changed, waits, running):
    Mailing.objects.filter(pk=running.mailing_id).update(**changed)
    assert progress_of(Attempt.objects.get(pk=running.pk)).waits == waits


def test_a_run_that_rests_or_waits_for_retries_says_until_when(running):
    later = timezone.now() + timedelta(minutes=7)
    running.deliveries.update(next_try_at=later)
    progress = progress_of(running)
    assert (progress.waits, progress.until) == (
        "The rest is waiting for another try, as the server asked.",
        later,
    )
    MailServer.objects.update_or_create(pk=1, defaults={"rests_until": later})
    progress = progress_of(running)
    assert (progress.waits, progress.until) == ("We are giving the mail server a break.", later)


def test_a_run_that_waits_for_its_owner_s_allowance_says_so(running):
    later = timezone.now() + timedelta(hours=3)
    running.problem_code, running.resumes_at = Attempt.ALLOWANCE, later
    progress = progress_of(running)
    assert (progress.waits, progress.until) == ("This account has used up its daily allowance.", later)


def test_the_pages_of_a_run_that_is_stopped_look_again_seldom(running, browser):
    url = f"/reports/{running.pk}/"
    assert [browser.get(page).context["poll"] for page in (url, "/reports/")] == [1, 1]
    Mailing.objects.filter(pk=running.mailing_id).update(paused_at=timezone.now())
    answer = browser.get(url)
    assert [answer.context["poll"], browser.get("/reports/").context["poll"]] == [30, 30]
    assert "The mailing is paused." in answer.content.decode()
