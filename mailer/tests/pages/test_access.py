"""Who may open which page: the owner; for everybody else the row does not exist."""

import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailer.models import Attempt, Client, ClientGroup, Mailing, Message
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    MailingFactory,
    MessageFactory,
)
from testing.pages import DIALOG

PAGES = {
    "clients": 200,
    "client_create": 200,
    "client_edit": 200,
    "client_delete": 200,
    "groups": 200,
    "group_create": 200,
    "group_detail": 200,
    "group_edit": 200,
    "group_delete": 200,
    "group_remove": 302,
    "messages": 200,
    "message_create": 200,
    "message_edit": 200,
    "message_delete": 200,
    "message_preview": 200,
    "message_preview_html": 200,
    "message_test": 302,
    "mailings": 200,
    "mailing_create": 200,
    "mailing_recipients": 302,
    "mailing_detail": 200,
    "mailing_edit": 200,
    "mailing_clone": 200,
    "mailing_delete": 200,
    "mailing_pause": 302,
    "mailing_resume": 302,
    "mailing_check": 200,
    "mailing_run": 200,
    "reports": 200,
    "attempt_detail": 200,
    "attempt_html": 200,
    "attempt_retry": 302,
}
OF_ALL = ("_create", "_recipients")
OF_ONE_ROW = [name for name in PAGES if "_" in name and not name.endswith(OF_ALL)]
ACTIONS = [name for name in OF_ONE_ROW if not name.endswith(("_check", "_detail", "_preview", "_html"))]


@pytest.fixture
def rows(owner):
    group = ClientGroupFactory(owner=owner)
    client = ClientFactory(owner=owner, email="kept@example.org")
    client.groups.add(group)
    message = MessageFactory(owner=owner, subject="Kept")
    # Not needed by the message that others delete
    mailing = MailingFactory(message=MessageFactory(owner=owner, subject="Sent"), period="daily")
    attempt = AttemptFactory(mailing=mailing)
    return {"client": client, "group": group, "message": message, "mailing": mailing, "attempt": attempt}


def address(name, rows):
    if name == "group_remove":
        return reverse(name, args=[rows["group"].pk, rows["client"].pk])
    return reverse(name, args=[rows[name.partition("_")[0]].pk] if name in OF_ONE_ROW else [])


def counts():
    return tuple(model.objects.count() for model in (Client, ClientGroup, Message, Mailing, Attempt))


@pytest.mark.parametrize(("name", "status"), PAGES.items())
def test_the_owner_is_served(name, status, rows, owner, client_of):
    assert client_of(owner).get(address(name, rows)).status_code == status


@pytest.mark.parametrize("name", OF_ONE_ROW)
def test_a_stranger_finds_nothing(name, rows, stranger, client_of):
    if PAGES[name] == 200:
        assert client_of(stranger).get(address(name, rows)).status_code == 404


@pytest.mark.parametrize("headers", [{}, DIALOG])
@pytest.mark.parametrize("name", ACTIONS)
def test_a_stranger_changes_nothing(name, headers, rows, stranger, client_of):
    data = {"email": "new@example.org", "name": "New", "subject": "New", "body": "New", "to": "a@example.org"}
    answer = client_of(stranger).post(address(name, rows), data, headers=headers)
    assert answer.status_code == 404
    assert counts() == (1, 1, 2, 1, 1)
    assert Client.objects.get().email == "kept@example.org"
    assert set(Message.objects.values_list("subject", flat=True)) == {"Kept", "Sent"}
    assert set(Mailing.objects.values_list("period", "paused_at")) == {("daily", None)}
    assert rows["group"].clients.count() == 1


@pytest.mark.parametrize("name", ["clients", "groups", "messages", "mailings", "reports"])
def test_a_stranger_sees_an_empty_list(name, rows, stranger, client_of):
    answer = client_of(stranger).get(reverse(name))
    assert list(answer.context["table"].data.data) == []


@pytest.mark.parametrize("name", PAGES)
def test_nobody_gets_in_without_logging_in(name, rows):
    url = address(name, rows)
    for answer in (Browser().get(url), Browser().post(url)):
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={url}")


@pytest.mark.parametrize("name", PAGES)
def test_a_blocked_user_is_out_at_the_next_request(name, rows, owner, client_of):
    browser = client_of(owner)
    owner.is_active = False
    owner.save()
    for method in (browser.get, browser.post):
        answer = method(address(name, rows))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
    assert counts() == (1, 1, 2, 1, 1)


def test_a_fragment_s_request_leads_to_log_in_and_back_to_its_page(rows):
    headers = {
        "HX-Request": "true",
        "HX-Target": "dialog-body",
        "HX-Current-URL": "http://testserver/clients/?q=a",
    }
    answer = Browser().get(reverse("client_create"), headers=headers)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/login/?next=/clients/%3Fq%3Da")


def test_a_damaged_address_of_the_page_leads_to_log_in_all_the_same():
    headers = {**DIALOG, "HX-Current-URL": "http://["}
    answer = Browser().get(reverse("client_create"), headers=headers)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/login/?next=/")


@pytest.mark.parametrize("pk", [0, 10**9, 2**63, 10**30])
@pytest.mark.parametrize("name", [name for name in OF_ONE_ROW if PAGES[name] == 200])
def test_an_id_that_cannot_be_is_not_found(name, pk, owner, client_of):
    assert client_of(owner).get(reverse(name, args=[pk])).status_code == 404
