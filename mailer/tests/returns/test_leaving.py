"""A recipient leaves, says why, changes their mind, and asks what is held about them."""

import json

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse

from mailer.composing.unsubscribe_links import suppress, token_for
from mailer.models import Attribute, Client, Suppression
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
)
from testing.sending import make_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(owner) -> Client:
    return ClientFactory(owner=owner, email="anna@example.org", full_name="Anna Lee")


@pytest.fixture
def token(owner, anna) -> str:
    return token_for(owner_id=owner.pk, email=anna.email)


def at(name, token):
    return reverse(name, args=[token])


def stops(owner):
    return list(owner.suppressions.values_list("email", "reason", "why"))


def test_the_page_names_who_sends(token, owner):
    owner.name = "Olga <b>Owner</b>"
    owner.save()
    shown = Browser().get(at("unsubscribe", token)).content.decode()
    assert "Olga &lt;b&gt;Owner&lt;/b&gt;" in shown
    assert "anna@example.org" in shown


def test_a_mailing_is_named_by_the_subject_that_was_read(anna, owner):
    mailing = MailingFactory(owner=owner, name="Those who never buy")
    token = token_for(owner_id=owner.pk, email=anna.email, mailing_id=mailing.pk)
    shown = Browser().get(at("unsubscribe", token)).content.decode()
    assert "Only this mailing\n" in shown
    attempt = AttemptFactory(mailing=mailing, subject="{{ first_name }}, news")
    DeliveryFactory(attempt=attempt, client=anna, full_name="Anna Lee", status="sent")
    shown = Browser().get(at("unsubscribe", token)).content.decode()
    assert "Only this mailing: “Anna, news”" in shown
    Browser().post(at("unsubscribe", token), {"do": "leave", "what": "mailing"})
    shown += Browser().get(at("unsubscribe", token)).content.decode()
    assert "This mailing will no longer reach" in shown
    assert "never buy" not in shown


@pytest.mark.parametrize(
    ("why", "reason", "kept"),
    [
        ("", "unsubscribed", ""),
        ("too_often", "unsubscribed", "too_often"),
        ("never_asked", "complained", "never_asked"),
        ("<script>", "unsubscribed", ""),
        ("x" * 5000, "unsubscribed", ""),
    ],
)
def test_who_leaves_may_say_why(token, owner, why, reason, kept):
    answer = Browser().post(at("unsubscribe", token), {"do": "leave", "why": why})
    assert (answer.status_code, answer["Location"]) == (302, at("unsubscribe", token))
    assert stops(owner) == [("anna@example.org", reason, kept)]


def test_a_reason_can_be_added_after_one_click_and_a_complaint_is_not_taken_back(token, owner):
    browser = Browser()
    browser.post(at("unsubscribe", token), {"List-Unsubscribe": "One-Click"})
    assert stops(owner) == [("anna@example.org", "unsubscribed", "")]
    browser.post(at("unsubscribe", token), {"do": "leave", "why": "never_asked"})
    assert stops(owner) == [("anna@example.org", "complained", "never_asked")]
    browser.post(at("unsubscribe", token), {"do": "leave", "why": "too_often"})
    assert stops(owner) == [("anna@example.org", "complained", "never_asked")]


def test_leaving_can_be_undone(token, owner):
    browser = Browser()
    browser.post(at("unsubscribe", token), {"do": "leave"})
    assert b'value="return"' in browser.get(at("unsubscribe", token)).content
    for _ in range(2):
        answer = browser.post(at("unsubscribe", token), {"do": "return"})
        assert answer.status_code == 302
    assert stops(owner) == []
    assert b'value="leave"' in browser.get(at("unsubscribe", token)).content


@pytest.mark.parametrize("reason", [Suppression.Reason.BOUNCED, Suppression.Reason.ADDED])
def test_what_others_have_stopped_a_click_does_not_lift(token, owner, reason):
    suppress(owner_id=owner.pk, email="anna@example.org", reason=reason)
    browser = Browser()
    assert b'value="return"' not in browser.get(at("unsubscribe", token)).content
    browser.post(at("unsubscribe", token), {"do": "return"})
    browser.post(at("unsubscribe", token), {"do": "leave", "why": "never_asked"})
    assert stops(owner) == [("anna@example.org", reason, "")]


def test_another_owner_is_not_touched(token, owner, stranger):
    suppress(owner_id=stranger.pk, email="anna@example.org", reason="unsubscribed")
    Browser().post(at("unsubscribe", token), {"do": "return"})
    assert stops(stranger) == [("anna@example.org", "unsubscribed", "")]


def test_a_post_to_the_link_without_its_last_slash_works(token, owner):
    url = at("unsubscribe", token).rstrip("/")
    assert Browser(enforce_csrf_checks=True).post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert stops(owner) == [("anna@example.org", "unsubscribed", "")]


@pytest.fixture
def mailed(owner, anna, smtp):
    Attribute.objects.create(owner=owner, key="city", kind=Attribute.Kind.TEXT)
    anna.attributes = {"city": "Oslo"}
    anna.save()
    ClientGroupFactory(owner=owner, name="Readers").clients.add(anna)
    message = MessageFactory(owner=owner, subject="{{ first_name }}, news from {{ city }}")
    make_mailing(owner, [anna], message=message)


@pytest.mark.django_db(transaction=True)
def test_why_do_i_get_this(mailed, token, anna, owner):
    shown = Browser().get(at("unsubscribe_why", token)).content.decode()
    assert "The sender has entered it by hand." in shown
    assert "Anna, news from Oslo" in shown


@pytest.mark.django_db(transaction=True)
def test_my_data(mailed, token, anna, owner):
    answer = Browser().get(at("unsubscribe_data", token))
    assert answer["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert answer["Cache-Control"] == "private, no-store"
    held = json.loads(answer.content)
    (mail,) = held.pop("mails")
    assert held == {
        "sender": owner.get_full_name(),
        "email": "anna@example.org",
        "full_name": "Anna Lee",
        "attributes": {"city": "Oslo"},
        "groups": ["Readers"],
        "since": anna.created_at.isoformat(timespec="seconds"),
        "stop_list": None,
        "left": [],
        "consents": [],
    }
    assert (mail["subject"], mail["status"], mail["email"]) == (
        "Anna, news from Oslo",
        "sent",
        "anna@example.org",
    )


@pytest.mark.parametrize("number", [1, 30])
def test_the_number_of_mails_costs_no_query(owner, anna, token, number, django_assert_num_queries):
    for n in range(number):
        mailing = MailingFactory(owner=owner)
        DeliveryFactory(attempt=AttemptFactory(mailing=mailing), client=anna, message_id=f"<{n}@x>")
    with django_assert_num_queries(9):
        assert len(json.loads(Browser().get(at("unsubscribe_data", token)).content)["mails"]) == number


def test_nobody_takes_the_file_without_end(owner, anna, token, settings):
    cache.clear()
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "recipient_data": "2/h/key"}
    other = token_for(owner_id=owner.pk, email="bob@example.org")
    again = token_for(owner_id=owner.pk, email=anna.email, mailing_id=5)
    asked = [Browser().get(at("unsubscribe_data", link)) for link in (token, again, token, other)]
    assert [answer.status_code for answer in asked] == [200, 200, 429, 200]
    assert "Too many tries" in asked[2].content.decode()


def test_of_a_client_who_is_gone_there_is_nothing_but_the_stop(token, owner, anna):
    Browser().post(at("unsubscribe", token), {"do": "leave"})
    anna.delete()
    held = json.loads(Browser().get(at("unsubscribe_data", token)).content)
    assert (held["full_name"], held["mails"], held["stop_list"]["reason"]) == (None, [], "unsubscribed")
    assert "on no list any more" in Browser().get(at("unsubscribe_why", token)).content.decode()


@pytest.mark.parametrize("name", ["unsubscribe", "unsubscribe_bare", "unsubscribe_why", "unsubscribe_data"])
@pytest.mark.parametrize("token", ["x", "WzEsImEiXQ:forged", "ы", "a" * 3000])
def test_a_made_up_link_shows_nothing(name, token):
    answer = Browser().get(at(name, token))
    assert (answer.status_code, b"This link is incomplete" in answer.content) == (404, True)
