"""A client's page, and “Did Anna get it?” from anywhere."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mailer.audience.attributes import define
from mailer.models import ClientGroup, ClientImport, Suppression
from mailer.reporting.clients import MAILS_AT_ONCE
from testing.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory
from testing.pages import DIALOG, flat

FIND = reverse("client_find")


@pytest.fixture
def anna(owner):
    return ClientFactory(owner=owner, email="anna@example.org", full_name="Anna <b>")


@pytest.fixture
def mailing(owner):
    return MailingFactory(message__owner=owner)


def page_of(client):
    return reverse("client_detail", args=[client.pk])


def test_the_page_says_all_that_is_known(owner, browser, anna, mailing):
    define(owner=owner, key="born", kind="date")
    upload = ClientImport.objects.create(
        owner=owner, file_name="crm.csv", origin="customers", origin_note="asked at the till"
    )
    anna.attributes, anna.imported_in, anna.comment = {"born": "2000-02-01", "stale": 1}, upload, "a\n<i>"
    anna.save()
    group = ClientGroup.objects.create(owner=owner, name="Readers")
    group.clients.add(anna)
    attempt = AttemptFactory(mailing=mailing, subject="Spring <sale>")
    DeliveryFactory(attempt=attempt, client=anna, status="failed", response="550 5.1.1 no such user")
    Suppression.objects.create(owner=owner, email=anna.email, reason="bounced", attempt=attempt)
    page = flat(browser.get(page_of(anna)))
    for text in (
        "<h1>Anna &lt;b&gt;</h1>",
        "Feb. 1, 2000",
        "a<br>&lt;i&gt;",
        f'<a href="{reverse("group_detail", args=[group.pk])}">Readers</a>',
        "crm.csv",
        "customers of mine who agreed",
        "asked at the till",
        "hard bounce. Nothing is sent",
        "Spring &lt;sale&gt;",
        "550 5.1.1 no such user",
    ):
        assert text in page, text
    assert "stale" not in page


def test_mails_are_leafed_through_by_their_runs(browser, anna, mailing):
    attempts = [AttemptFactory(mailing=mailing, subject=f"Run {n}.") for n in range(MAILS_AT_ONCE + 3)]
    for attempt in attempts:
        DeliveryFactory(attempt=attempt, client=anna)
    first = browser.get(page_of(anna))
    mails = first.context["mails"]
    assert [mail.attempt for mail in mails.deliveries] == attempts[:2:-1]
    older = browser.get(
        f"{page_of(anna)}?before={mails.older}", headers={"HX-Request": "true", "HX-Target": "older-mails"}
    )
    assert [mail.attempt for mail in older.context["mails"].deliveries] == attempts[2::-1]
    assert (older.context["mails"].older, "<html" in flat(older)) == (None, False)
    assert browser.get(f"{page_of(anna)}?before={'9' * 30}").context["begins"]
    assert "<html" in flat(browser.get(f"{page_of(anna)}?before={mails.older}"))


def test_its_cost_does_not_grow_with_the_mails(browser, anna, mailing):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            browser.get(page_of(anna))
        return len(captured)

    DeliveryFactory(attempt=AttemptFactory(mailing=mailing), client=anna)
    before = queries()
    for _ in range(29):
        DeliveryFactory(attempt=AttemptFactory(mailing=mailing), client=anna)
    assert queries() == before


def test_it_is_edited_in_place(browser, anna):
    url = f"{reverse('client_edit', args=[anna.pk])}?page=1"
    sent = {"email": anna.email, "full_name": "Anna Petrova", "new_kind": "text"}
    answer = browser.post(url, sent, headers=DIALOG)
    assert (answer.status_code, "clients:changed" in answer["HX-Trigger"]) == (204, True)
    assert browser.post(url, sent)["Location"] == page_of(anna)
    fragment = browser.get(page_of(anna), headers={"HX-Request": "true", "HX-Target": "client-facts"})
    assert "Anna Petrova" in flat(fragment)
    assert "<h1" not in flat(fragment)


def test_one_search_finds_whether_anna_got_it(owner, stranger, browser, anna, mailing):
    ClientFactory(owner=stranger, email="anna@example.net")
    DeliveryFactory(attempt=AttemptFactory(mailing=mailing, subject="First"), client=anna)
    assert browser.get(f"{FIND}?q=Anna")["Location"] == page_of(anna)
    second = ClientFactory(owner=owner, email="joanna@example.org")
    Suppression.objects.create(owner=owner, email=second.email, reason="unsubscribed")
    DeliveryFactory(
        attempt=AttemptFactory(mailing=mailing, subject="Latest"), client=anna, response="250 queued as 7"
    )
    answer = browser.get(f"{FIND}?q=anna")
    assert [one.client for one in answer.context["found"]] == [anna, second]
    page = flat(answer)
    assert ("Latest" in page, "First" in page, "250 queued as 7" in page) == (True, False, True)
    assert "unsubscribed" in page
    assert "No mail yet." in page


@pytest.mark.parametrize("text", ["", "  ", "%00", "nobody", "%25", "x" * 3000, "' OR 1=1 --", "<script>"])
def test_a_search_that_finds_nobody_is_a_page(browser, anna, text):
    answer = browser.get(f"{FIND}?q={text}")
    assert (answer.status_code, answer.context["found"]) == (200, [])
    assert "<script>" not in answer.content.decode().partition("<main")[2]


def test_the_search_stands_on_every_page_of_who_has_clients(browser, manager, client_of):
    assert f'action="{FIND}"' in flat(browser.get(reverse("reports")))
    assert f'action="{FIND}"' not in flat(client_of(manager).get(reverse("reports")))
