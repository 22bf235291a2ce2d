"""From message to mailing: copies, the archive, where it is used, and a page for everybody."""

import uuid
from typing import Any

import pytest
from django.test import Client as Browser

from mailer.composing.drafts import written_of
from mailer.forms.mailing import MailingForm
from mailer.models import Message
from testing.factories import ClientGroupFactory, MailingFactory, MessageFactory
from testing.pages import flat

pytestmark = pytest.mark.django_db
BODY = '<p>Dear {{ first_name | default: "friend" }} of {{ city }}</p><a href="{{ unsubscribe_url }}">x</a>'


@pytest.fixture
def message(owner):
    return MessageFactory(owner=owner, subject="Spring <news>", body="<p>It is {{ sender_name }}.</p>")


@pytest.fixture
def visitor():
    return Browser()


def offered(owner: Any, **instance: Any) -> set[Message]:
    field: Any = MailingForm(owner=owner, **instance).fields["message"]
    return set(field.queryset)


def test_a_message_leads_to_a_mailing_and_a_group_too(browser, owner, message):
    url = f"/mailings/new/?message={message.pk}"
    assert f'href="{url}"' in browser.get(f"/messages/{message.pk}/preview/").content.decode()
    assert f'<option value="{message.pk}" selected>' in browser.get(url).content.decode()
    group = ClientGroupFactory(owner=owner)
    url = f"/mailings/new/?group={group.pk}"
    assert f'href="{url}"' in browser.get(f"/groups/{group.pk}/").content.decode()
    assert browser.get(url).context["form"]["groups"].value() == [str(group.pk)]


def test_nobody_elses_message_comes_into_a_mailing_by_its_address(browser, stranger):
    foreign = MessageFactory(owner=stranger)
    answer = browser.get(f"/mailings/new/?message={foreign.pk}")
    assert f'<option value="{foreign.pk}"' not in answer.content.decode()


def test_a_copy_is_a_draft_and_the_same_form_makes_one(browser, message):
    form = {"form_key": str(uuid.uuid4())}
    first = browser.post(f"/messages/{message.pk}/copy/", form)
    again = browser.post(f"/messages/{message.pk}/copy/", form)
    assert first["Location"] == again["Location"]
    copy = Message.objects.exclude(pk=message.pk).get()
    assert first["Location"] == f"/messages/{copy.pk}/edit/"
    written, _since = written_of(copy)
    assert (written.subject, written.body, copy.is_draft) == (message.subject, message.body, True)


@pytest.mark.parametrize("key", ["", "x", "\x00", "9" * 9000])
def test_a_copy_needs_no_valid_key(browser, message, key):
    assert browser.post(f"/messages/{message.pk}/copy/", {"form_key": key}).status_code == 302


def test_an_archived_message_leaves_lists_and_choices_and_no_mailing(browser, owner, message):
    mailing = MailingFactory(message=message)
    browser.post(f"/messages/{message.pk}/archive/")
    browser.post(f"/messages/{message.pk}/archive/")
    assert "Spring" not in flat(browser.get("/messages/"))
    assert "Spring &lt;news&gt; (archived)" in flat(browser.get("/messages/?archived=yes"))
    assert offered(owner) == set()
    assert offered(owner, instance=mailing) == {message}
    mailing.refresh_from_db()
    assert mailing.message == message
    page = flat(browser.get(f"/messages/{message.pk}/preview/"))
    assert "Send this to" not in page
    browser.post(f"/messages/{message.pk}/unarchive/")
    assert "Spring" in flat(browser.get("/messages/"))
    assert "Spring" not in flat(browser.get("/messages/?archived=yes"))
    assert offered(owner) == {message}


def test_a_filter_that_means_nothing_shows_nothing(browser, message):
    assert "Spring" not in flat(browser.get("/messages/?archived=maybe"))


def test_a_row_that_is_archived_leaves_the_list_by_itself(browser, message):
    headers = {"HX-Request": "true", "HX-Target": f"message-{message.pk}"}
    answer = browser.post(f"/messages/{message.pk}/archive/", headers=headers)
    assert answer.status_code == 204
    assert "messages:changed" in answer["HX-Trigger"]


def test_it_says_where_it_is_used(browser, message):
    assert "No mailing sends it yet." in flat(browser.get(f"/messages/{message.pk}/preview/"))
    mailings = [MailingFactory(message=message, name=f"Round {number}") for number in range(12)]
    page = flat(browser.get(f"/messages/{message.pk}/preview/"))
    assert [m.name for m in mailings if f'href="/mailings/{m.pk}/"' in page] == [
        f"Round {n}" for n in range(2, 12)
    ]
    assert "and 2 more mailings" in page


def test_a_page_for_everybody_is_opened_and_closed_under_one_address(browser, visitor, owner):
    message = MessageFactory(owner=owner, subject="For {{ first_name | default: 'all' }}", body=BODY)
    url = f"/messages/{message.pk}/public/"
    assert Message.objects.get().public_key is None
    browser.post(url, {"public": "address"})
    key = Message.objects.get().public_key
    answer = visitor.get(f"/p/{key}/")
    html = answer.content.decode()
    assert "Dear friend of </p>" in html
    assert "<title>For all</title>" in html
    assert owner.email not in html
    assert 'href="http://testserver/u/public/"' in html
    assert (answer["X-Robots-Tag"], answer["Cache-Control"]) == ("noindex", "no-cache")
    assert "sandbox" in answer["Content-Security-Policy"]
    browser.post(url, {"public": "search"})
    assert visitor.get(f"/p/{key}/")["X-Robots-Tag"] == "all"
    browser.post(url, {"public": ""})
    answer = visitor.get(f"/p/{key}/")
    assert (answer.status_code, answer["X-Robots-Tag"]) == (404, "noindex")
    assert "closed this page" in flat(answer)
    browser.post(url, {"public": "address"})
    assert visitor.get(f"/p/{key}/").status_code == 200


def test_the_page_shows_what_was_saved_and_goes_with_its_owner(browser, visitor, message, owner):
    browser.post(f"/messages/{message.pk}/public/", {"public": "address"})
    path = f"/p/{Message.objects.get().public_key}/"
    form = {"subject": "New", "format": "html", "body": "<p>Not yet</p>", "do": "draft"}
    browser.post(f"/messages/{message.pk}/edit/", form)
    assert "Not yet" not in visitor.get(path).content.decode()
    browser.post(f"/messages/{message.pk}/edit/", {**form, "do": "save"})
    assert "Not yet" in visitor.get(path).content.decode()
    owner.is_active = False
    owner.save()
    assert visitor.get(path).status_code == 404


def test_the_switch_in_the_editor_keeps_what_was_typed(browser, message):
    form = {"subject": "Typed", "format": "html", "body": "<p>Typed</p>", "do": "public", "public": "address"}
    browser.post(f"/messages/{message.pk}/edit/", form)
    message.refresh_from_db()
    assert message.public == "address"
    assert written_of(message)[0].subject == "Typed"
    headers = {"HX-Request": "true", "HX-Target": "public-page"}
    answer = browser.post(f"/messages/{message.pk}/edit/", {**form, "public": "search"}, headers=headers)
    assert f"/p/{message.public_key}/" in answer.content.decode()
    assert 'id="revision"' in answer.content.decode()


@pytest.mark.parametrize("chosen", [None, "everybody", "x" * 10_000, "\x00", "<b>"])
def test_a_page_is_not_opened_by_nonsense(browser, message, chosen):
    browser.post(f"/messages/{message.pk}/public/", {} if chosen is None else {"public": chosen})
    assert Message.objects.get(pk=message.pk).public == ""


def test_a_draft_has_no_page(browser, owner):
    draft = MessageFactory(owner=owner, body="")
    headers = {"HX-Request": "true", "HX-Target": "public-page"}
    answer = browser.post(f"/messages/{draft.pk}/public/", {"public": "address"}, headers=headers)
    assert answer.status_code == 422
    assert Message.objects.get().public_key is None


@pytest.mark.parametrize("key", ["x", "%00", "a/../b", "9" * 500, "None"])
def test_an_address_that_is_none_finds_nothing(visitor, message, key):
    assert visitor.get(f"/p/{key}/").status_code == 404
