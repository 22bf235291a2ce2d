"""The page of the stop-list."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mailer.models import Suppression
from people.models import AuditEntry
from testing.factories import ClientFactory
from testing.pages import DIALOG

pytestmark = pytest.mark.django_db
URL = "/clients/stop-list/"


def put(owner, email, reason="unsubscribed"):
    return Suppression.objects.create(owner=owner, email=email, reason=reason)


def emails(answer):
    return [row.record.email for row in answer.context["table"].rows]


def test_it_shows_one_s_own_and_searches(owner, stranger, browser):
    put(owner, "anna@example.org")
    put(owner, "boris@example.org", "bounced")
    put(stranger, "anna@example.net")
    assert set(emails(browser.get(URL))) == {"anna@example.org", "boris@example.org"}
    assert emails(browser.get(f"{URL}?q=ANNA")) == ["anna@example.org"]
    assert emails(browser.get(f"{URL}?reason=bounced")) == ["boris@example.org"]


def test_it_takes_as_many_queries_for_many_rows(owner, browser):
    put(owner, "c@example.org")
    browser.get(URL)

    def queries():
        with CaptureQueriesContext(connection) as taken:
            browser.get(URL)
        return len(taken)

    one = queries()
    for number in range(30):
        put(owner, f"c{number}@example.org")
    assert queries() == one


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_an_address_is_added_once(owner, browser, headers):
    for _again in range(2):
        answer = browser.post(f"{URL}new/", {"email": "Anna@EXAMPLE.org"}, headers=headers)
        assert answer.status_code == (204 if headers else 302)
    stop = Suppression.objects.get()
    assert (stop.owner, stop.email, stop.reason) == (owner, "Anna@example.org", "added")
    browser.post(f"{URL}new/", {"email": "anna@example.org"})
    assert Suppression.objects.count() == 1


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@example.org\r\nBcc: b@example.org", f"{'x' * 250}@example.org"]
)
def test_what_is_no_address_is_refused(browser, email):
    assert browser.post(f"{URL}new/", {"email": email}).status_code == 422
    assert not Suppression.objects.exists()


def test_a_stop_is_lifted_after_a_warning_with_a_line_of_the_trail(owner, browser):
    ClientFactory(owner=owner, email="anna@example.org")
    stop = put(owner, "Anna@example.org", "complained")
    url = reverse("stop_lift", args=[stop.pk])
    html = browser.get(url).content.decode()
    assert "This person reported your mail as spam." in html
    assert "The client with this address is mailed again" in html
    assert browser.post(url).status_code == 302
    assert not Suppression.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == (owner.email, "stop_lifted")
    assert entry.target.startswith("Anna@example.org")
    assert browser.post(url).status_code == 404


def test_another_s_stop_is_not_there(stranger, browser):
    stop = put(stranger, "x@example.org")
    assert browser.post(reverse("stop_lift", args=[stop.pk])).status_code == 404
    assert Suppression.objects.exists()


def test_a_client_s_form_says_that_its_address_is_stopped(owner, stranger, browser):
    client = ClientFactory(owner=owner, email="anna@example.org")
    url = reverse("client_edit", args=[client.pk])
    put(stranger, "anna@example.org")
    assert "on the stop-list" not in browser.get(url).content.decode()
    stop = put(owner, "ANNA@example.org", "bounced")
    html = browser.get(url).content.decode()
    assert "(hard bounce): it is not mailed." in html
    assert reverse("stop_lift", args=[stop.pk]) in html
