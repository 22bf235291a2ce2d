"""Messages: write, preview, send a test, and why one in use stays."""

import json
import uuid
from importlib import import_module

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from mailer.composing.merge import MERGE_FIELDS
from mailer.models import Attempt, Message, ReplyAddress, Suppression
from testing.factories import AttemptFactory, MailingFactory, MessageFactory
from testing.pages import DIALOG, flat

NEW = "/messages/new/"
REGION = {"HX-Request": "true", "HX-Target": "test-send"}


@pytest.fixture(autouse=True)
def _no_tests_sent_yet():
    cache.clear()


@pytest.fixture
def message(owner):
    return MessageFactory(owner=owner)


def form(**fields):
    return {
        "subject": "News",
        "format": "html",
        "body": "<p>Hi {{ first_name }}</p>",
        "do": "save",
        **fields,
    }


def test_the_form_names_every_merge_field(browser, message):
    html = browser.get(reverse("message_edit", args=[message.pk])).content.decode()
    for name, meaning in MERGE_FIELDS.items():
        assert f"<code>{{{{ {name} }}}}</code>" in html
        assert str(meaning).replace("'", "&#x27;") in html


def test_a_new_one_is_a_draft_until_it_is_saved_and_twice_the_same(browser, owner):
    data = {"form_key": uuid.uuid4(), "start": "html"}
    places = {browser.post(NEW, data)["Location"] for _ in range(2)}
    message = Message.objects.get()
    url = f"/messages/{message.pk}/edit/"
    assert places == {url}
    assert (message.owner, message.format, message.body) == (owner, "html", "")
    assert not Message.objects.sendable().exists()
    assert browser.post(url, form())["Location"] == f"/messages/{message.pk}/preview/"
    message.refresh_from_db()
    assert (message.subject, message.body) == ("News", "<p>Hi {{ first_name }}</p>")
    assert Message.objects.sendable().exists()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("subject", "", "This field is required."),
        ("body", "", "This field is required."),
        ("subject", "a\r\nBcc: b@example.org", "Line breaks and control characters are not allowed here."),
        ("subject", "x" * 201, "Ensure this value has at most 200 characters (it has 201)."),
        ("body", "x" * 1_000_000, "Ensure this value has at most 500000 characters (it has 1000000)."),
        ("subject", "{{ nobody }}", "There is no merge field “nobody”."),
        ("body", "{{ nobody }}", "There is no merge field “nobody”."),
        ("body", "{{ first_name", "The merge fields cannot be read"),
        ("body", "{% for a in b %}", "The merge fields cannot be read"),
    ],
)
def test_bad_input_gets_a_message_beside_the_field(field, value, says, browser, message):
    answer = browser.post(reverse("message_edit", args=[message.pk]), form(**{field: value}))
    assert answer.status_code == 422
    errors = answer.context["form"].head.errors
    assert list(errors) == [field]
    assert says in errors[field][0]
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert [row.subject for row in Message.objects.all()] == ["News for {{ first_name }}"]


def test_what_no_database_can_hold_is_left_out(browser, message):
    browser.post(reverse("message_edit", args=[message.pk]), form(subject="a\x00b", body="<p>\x00c</p>"))
    message.refresh_from_db()
    assert (message.subject, message.body) == ("ab", "<p>c</p>")


def test_what_is_too_large_to_read_is_refused_with_a_page(browser, message):
    answer = browser.post(reverse("message_edit", args=[message.pk]), form(body="x" * 3_000_000))
    assert answer.status_code == 413
    assert b"That is too large" in answer.content


def test_edit_says_who_will_send_it(browser, message):
    url = reverse("message_edit", args=[message.pk])
    assert b"what you save here" not in browser.get(url).content
    MailingFactory(message=message)
    html = browser.get(url).content.decode()
    assert "1 mailing sends this message: its next run takes what you save here." in html
    answer = browser.post(url, form(subject="New"))
    assert (answer.status_code, answer["Location"]) == (302, f"/messages/{message.pk}/preview/")
    message.refresh_from_db()
    assert message.subject == "New"


def test_the_preview_shows_a_sample_and_keeps_the_html_in_a_frame(browser, owner):
    message = MessageFactory(
        owner=owner, subject="For {{ first_name }}", body="<p>Dear {{ full_name }}</p><script>bad()</script>"
    )
    page = browser.get(reverse("message_preview", args=[message.pk]))
    html = page.content.decode()
    frame = reverse("message_preview_html", args=[message.pk])
    assert "<dd>For Anna</dd>" in html
    assert "Dear Anna Petrova" in html
    assert "bad()</script>" not in html
    assert f'<iframe class="mail-frame" src="{frame}" sandbox title=' in flat(page)


def test_the_frame_may_show_pictures_and_nothing_else(browser, message):
    answer = browser.get(reverse("message_preview_html", args=[message.pk]))
    assert b"<p>Dear Anna Petrova,</p>" in answer.content
    policy = dict((part.strip() + " ").split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert {name: value.strip() for name, value in policy.items()} == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "'self' data:",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "allow-popups allow-popups-to-escape-sandbox",
    }
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


def test_a_message_that_cannot_be_merged_any_more_says_so(browser, message):
    Message.objects.update(body="{{ first_name")
    answer = browser.get(reverse("message_preview", args=[message.pk]))
    assert answer.status_code == 200
    assert b"There is no preview, because the merge fields cannot be read" in answer.content
    assert browser.get(reverse("message_preview_html", args=[message.pk])).status_code == 422


def test_a_test_goes_out_and_the_answer_is_shown(browser, message, owner, smtp):
    url = reverse("message_test", args=[message.pk])
    answer = browser.post(url, {"to": owner.email}, headers=REGION)
    assert answer.status_code == 200
    assert answer.content.strip().startswith(b'<div id="test-send">')
    [toast] = json.loads(answer["HX-Trigger"])["toasts"]
    assert toast["level"] == "success"
    assert toast["text"].startswith(f"Sent to {owner.email}. The server answered: 250 ")
    plain = browser.post(url, {"to": owner.email})
    assert (plain.status_code, plain["Location"]) == (302, f"/messages/{message.pk}/preview/")
    assert smtp.recipients == [owner.email] * 2
    assert smtp.mails[0].parsed["Subject"].startswith("[Test] ")


@pytest.mark.parametrize("headers", [{}, REGION])
def test_a_test_that_fails_says_why_beside_the_field(headers, browser, message, owner, smtp, settings):
    settings.EMAIL_PORT = 1  # nobody answers there
    url = reverse("message_test", args=[message.pk])
    stop = Suppression(owner=owner, email=owner.email.upper(), reason="unsubscribed")
    for to, says in (
        ("", "This field is required."),
        ("me", "Test mails go only to your own addresses."),
        ("me@example.org", "Test mails go only to your own addresses."),
        (f"{owner.email}\r\nBcc: me@example.org", "Test mails go only to your own addresses."),
        ("x" * 100_000, "Test mails go only to your own addresses."),
        (owner.email, "The mail did not go out: "),
        (owner.email, "This address is on your stop-list, so nothing is sent to it."),
    ):
        if "stop-list" in says:
            stop.save()
        answer = browser.post(url, {"to": to}, headers=headers)
        assert answer.status_code == 422
        assert says in answer.context["form"].errors["to"][0]
        assert (b"<html" in answer.content) is not bool(headers)


def test_a_test_may_go_to_a_confirmed_address_for_replies_of_one_s_own(
    browser, message, owner, stranger, smtp
):
    now = timezone.now()
    for user, email, confirmed_at in (
        (owner, "desk@example.org", now), (owner, owner.email.title(), now),
        (owner, "unasked@example.org", None), (stranger, "foreign@example.org", now),
    ):  # fmt: skip
        ReplyAddress.objects.create(owner=user, email=email, confirmed_at=confirmed_at)
    form = browser.get(reverse("message_preview", args=[message.pk])).context["form"]
    assert [value for value, _ in form.fields["to"].choices] == [owner.email, "desk@example.org"]
    url = reverse("message_test", args=[message.pk])
    for email, status in (
        ("desk@example.org", 302), ("unasked@example.org", 422), ("foreign@example.org", 422),
    ):  # fmt: skip
        assert browser.post(url, {"to": email}).status_code == status
    assert smtp.recipients == ["desk@example.org"]


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_a_message_in_use_stays_and_says_why(headers, browser, message, owner):
    mailing = MailingFactory(message=message, period="weekly")
    url = reverse("message_delete", args=[message.pk])
    for answer, status in (
        (browser.get(url, headers=headers), 200),
        (browser.post(url, headers=headers), 422),
    ):
        html = answer.content.decode()
        assert answer.status_code == status
        assert "This message cannot be deleted, because these mailings send it." in html
        assert f'href="{reverse("mailing_detail", args=[mailing.pk])}"' in html
        assert "every week" in html
        assert 'class="btn btn-danger"' not in html
    assert Message.objects.count() == 1


def test_delete(browser, message):
    url = reverse("message_delete", args=[message.pk])
    assert b"Past runs keep the text they sent." in browser.get(url).content
    assert browser.post(url)["Location"] == "/messages/"
    assert not Message.objects.exists()


def test_the_search_looks_into_subject_and_text(browser, owner):
    MessageFactory(owner=owner, subject="Alpha", body="one")
    MessageFactory(owner=owner, subject="Beta", body="alphabet")
    MessageFactory(owner=owner, subject="Gamma", body="three")
    answer = browser.get("/messages/?q=ALPHA")
    assert {row.record.subject for row in answer.context["table"].page.object_list} == {"Alpha", "Beta"}


def test_tests_are_not_a_way_around_mailings(browser, owner, smtp):
    message = MessageFactory(owner=owner)
    url = reverse("message_test", args=[message.pk])
    answers = [browser.post(url, {"to": owner.email}) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [*[302] * 20, 422]
    says = "Too many tests in one day. Try again tomorrow."
    assert answers[-1].context["form"].errors["to"] == [says]
    assert len(smtp.mails) == 20


def test_a_sender_that_no_header_can_carry_is_told(browser, owner, smtp):
    owner.email = '"a b"@example.com'
    owner.save()
    url = reverse("message_test", args=[MessageFactory(owner=owner).pk])
    answer = browser.post(url, {"to": owner.email})
    assert answer.status_code == 422
    assert answer.context["form"].errors["to"][0].startswith("The mail did not go out: ")


@pytest.mark.django_db(transaction=True)
def test_what_was_kept_before_is_told_its_format(owner):
    texts = ["Dear {{ first_name }}, write to <anna@example.com>", "{% if email %}<{{ email }}>{% endif %}"]
    for body in (*texts, "<p>Hi</p>", "a<br/>b", "<!doctype html><title>x"):
        AttemptFactory(mailing__message__owner=owner, mailing__message__body=body)
    migration = import_module("mailer.migrations.0009_message_format")
    with connection.schema_editor() as editor:
        migration.name_formats(apps, editor)
    for rows in (Message.objects, Attempt.objects):
        assert set(rows.filter(format="text").values_list("body", flat=True)) == set(texts)
