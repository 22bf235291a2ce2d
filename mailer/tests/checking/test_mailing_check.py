"""The check of a mailing that is planned: on its own page, before each of its runs."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailer import mailings
from mailer.models import MessageCheck
from site_config.ui.lists import POLL
from testing.factories import ClientFactory, ClientGroupFactory, MailingFactory, MessageFactory
from testing.pages import flat

pytestmark = pytest.mark.django_db
FACTS = ("Recipients", "Sender", "Subject")
COUNT = {"HX-Request": "true", "HX-Target": "check-count"}
BODY = "<p>Dear {{ first_name }}, here is all the news of this week.</p><a href='#'>x</a>"


@pytest.fixture
def planned(owner):
    cache.clear()
    message = MessageFactory(owner=owner, subject="News", body=BODY)
    group = ClientGroupFactory(owner=owner)
    for name in ("", "Anna"):
        ClientFactory(owner=owner, full_name=name).groups.add(group)
    ClientFactory(owner=owner, full_name="")  # who does not get it
    fields = MailingFactory.build(owner=owner, message=message, period="daily")
    return mailings.save_mailing(fields, clients=[], groups=[group])


def test_it_says_of_those_who_will_get_it_what_is_to_be_mended(browser, planned):
    html = flat(browser.get(f"/mailings/{planned.pk}/check/"))
    assert "1 of 2 clients has no first_name: a gap in their mail." in html
    assert "A link leads nowhere: “#”." in html
    assert f'href="/messages/{planned.message_id}/edit/#id_body"' in html
    assert f'action="/messages/{planned.message_id}/check/"' in html


def test_the_page_of_the_mailing_counts_once_and_then_keeps_the_count(browser, planned, monkeypatch):
    page, check = f"/mailings/{planned.pk}/", f"/mailings/{planned.pk}/check/"
    html = flat(browser.get(page))
    assert (f'hx-get="{check}"' in html, "Check the message" in html) == (True, True)
    counted = flat(browser.get(check, headers=COUNT))
    assert counted.startswith('<a id="check-count"')
    assert "Fix this: 1, Look at this: 1" in counted

    def again(*_args, **_kwargs):
        raise AssertionError("it was made again")

    with monkeypatch.context() as patch:
        patch.setattr("mailer.views.checking.look", again)
        for address, headers in ((page, {}), (check, COUNT)):
            html = flat(browser.get(address, headers=headers))
            assert ("Fix this: 1, Look at this: 1" in html, f'hx-get="{check}"' in html) == (True, False)
    planned.message.body = "<p>Dear reader, here is all the news of this week.</p>"
    planned.message.save()
    assert f'hx-get="{check}"' in flat(browser.get(page))
    assert "Fix this" not in flat(browser.get(check, headers=COUNT))


def test_run_now_shows_number_sender_subject_check_and_preview(browser, planned):
    html = flat(browser.get(f"/mailings/{planned.pk}/run/"))
    count, sender, subject = (html.split(f"<dt>{name}</dt>")[1].split("</dd>")[0] for name in FACTS)
    assert "<strong>2</strong>" in count
    assert planned.owner.get_short_name() in sender
    assert planned.message.subject in subject
    assert "Fix this: 1, Look at this: 1" in html
    assert f'src="/messages/{planned.message_id}/preview/html/"' in html
    assert html.count("<form") == html.count("</form>")
    assert f'action="/messages/{planned.message_id}/check/' not in html  # a form inside this one


def test_what_the_network_said_counts_too(browser, planned):
    page, now = f"/mailings/{planned.pk}/check/", timezone.now()
    browser.get(page)
    told = [{"code": "spf_missing", "domain": "example.com"}]
    MessageCheck.objects.create(message=planned.message, requested_at=now, finished_at=now, sender=told)
    assert "Fix this: 1, Look at this: 2" in flat(browser.get(page, headers=COUNT))
    assert "example.com has no SPF record." in flat(browser.get(page))


def test_a_poll_counts_nothing(browser, planned):
    html = flat(browser.get(f"/mailings/{planned.pk}/", headers={"HX-Request": "true", "HX-Target": POLL}))
    assert "hx-preserve" in html.split('id="check-count"')[1].split("</a>")[0]


def test_a_kept_count_costs_no_query(browser, planned):
    page = f"/mailings/{planned.pk}/"
    with CaptureQueriesContext(connection) as before:
        browser.get(page)
    browser.get(f"/mailings/{planned.pk}/check/")
    with CaptureQueriesContext(connection) as after:
        browser.get(page)
    assert len(after) == len(before)


def test_a_finished_mailing_and_others_see_no_count(browser, planned, manager, stranger, client_of):
    page = f"/mailings/{planned.pk}/"
    assert "check-count" not in flat(client_of(manager).get(page))
    assert client_of(stranger).get(f"{page}check/").status_code == 404
    planned.status, planned.next_run_at = "finished", None
    planned.save()
    assert "check-count" not in flat(browser.get(page))


def test_without_the_cache_it_is_counted_each_time(browser, planned, monkeypatch):
    def away(*_args, **_kwargs):
        raise OSError

    monkeypatch.setattr("mailer.checking.mailings.cache.get", away)
    monkeypatch.setattr("mailer.checking.mailings.cache.set", away)
    assert browser.get(f"/mailings/{planned.pk}/").status_code == 200
    assert "Fix this: 1" in flat(browser.get(f"/mailings/{planned.pk}/check/", headers=COUNT))


@pytest.mark.django_db(transaction=True)
def test_saving_a_planned_mailing_has_its_links_checked(browser, owner):
    message = MessageFactory(owner=owner, body=BODY)
    client = ClientFactory(owner=owner)
    data = {"message": message.pk, "clients": [client.pk], "period": "once", "starts_at": "2090-01-01T09:00",
            "time_zone": "Europe/Moscow"}  # fmt: skip
    answer = browser.post("/mailings/new/", data)
    assert answer.status_code == 302
    assert MessageCheck.objects.get().message == message
