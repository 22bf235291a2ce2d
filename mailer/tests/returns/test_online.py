"""A mail in the browser: one's own, by its signed address."""

import re

import pytest
from django.test import Client as Browser

from mailer.composing import view_links
from mailer.composing.merge import MERGE_FIELDS
from mailer.models import Client, Delivery
from mailer.models.attribute import RESERVED, SALUTATION
from mailer.returns.forgetting import forget
from mailer.sending.pruning import delete_some
from mailer.sending.send_test import send_test
from testing.factories import ClientFactory, DeliveryFactory, MessageFactory
from testing.pages import flat
from testing.sending import make_mailing

pytestmark = pytest.mark.django_db(transaction=True)
BODY = '<p>Dear {{ full_name }}, <a href="{{ view_url }}">view</a> this.</p>'


@pytest.fixture
def visitor():
    return Browser()


@pytest.fixture
def sent(owner, smtp):
    """A mail to Anna, and the path that stands in it."""
    message = MessageFactory(owner=owner, subject="News <1>", body=BODY)
    anna = ClientFactory(owner=owner, full_name="Anna & Co", email="анна@example.org")
    make_mailing(owner, [ClientFactory(owner=owner, full_name="Boris"), anna], message=message)
    links = {mail.recipient: path_in(mail.content) for mail in smtp.mails}
    assert len(set(links.values())) == 2
    delivery = Delivery.objects.get(client=anna)
    return delivery, links[delivery.email]


def path_in(content):
    [path] = set(re.findall(r"http://testserver(/v/[\w-]+/)", content.replace(b"=\r\n", b"").decode()))
    return path


def test_a_recipient_reads_their_own_mail_without_log_in(sent, visitor):
    delivery, path = sent
    answer = visitor.get(path)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "Dear Anna &amp; Co" in html
    assert "<title>News &lt;1&gt;</title>" in html
    assert path in html
    assert Delivery.objects.get(pk=delivery.pk).status == "sent"


def test_it_can_do_nothing_and_nobody_keeps_it(sent, visitor):
    answer = visitor.get(sent[1])
    policy = answer["Content-Security-Policy"]
    for rule in (
        "default-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox allow-popups",
    ):
        assert rule in policy
    assert "script-src" not in policy
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Robots-Tag"] == "noindex"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert visitor.post(sent[1]).status_code == 405
    assert visitor.get(sent[1].rstrip("/")).status_code == 200


def test_it_stays_as_it_was_sent(sent, visitor):
    """Whatever becomes of the client and of the message."""
    delivery, path = sent
    before = visitor.get(path).content
    Client.objects.filter(pk=delivery.client_id).update(full_name="Zoe", email="zoe@example.org")
    delivery.attempt.mailing.message.body = "<p>Another</p>"
    delivery.attempt.mailing.message.save()
    assert visitor.get(path).content == before
    Client.objects.filter(pk=delivery.client_id).delete()
    assert visitor.get(path).content == before


def test_it_is_gone_with_the_ledger(sent, visitor):
    delivery, path = sent
    delete_some(delivery.attempt_id, 0)
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert "Mails are kept for a time and then deleted." in flat(answer)


def test_it_is_gone_when_the_person_is_forgotten_or_the_sender_blocked(sent, visitor, owner):
    delivery, path = sent
    owner.is_active = False
    owner.save()
    assert visitor.get(path).status_code == 404
    owner.is_active = True
    owner.save()
    forget(owner=owner, email=delivery.email)
    assert visitor.get(path).status_code == 404


def test_nobody_guesses_another_ones(sent, visitor):
    delivery, path = sent
    other = Delivery.objects.exclude(pk=delivery.pk).get()
    signature = path.strip("/").partition("-")[2]
    for token in (
        f"{other.pk}-{signature}",
        f"{delivery.pk}-{signature[:-1]}",
        f"{delivery.pk}-",
        f"0{delivery.pk}-{signature}",
        f"{delivery.pk}",
        "9" * 400,
        "²-x",
        "-1-x",
        "%00",
        "%ff-x",
        "<b>",
    ):
        assert visitor.get(f"/v/{token}/").status_code == 404


def test_a_row_that_takes_a_number_again_is_not_shown(sent, visitor):
    """As after a backup was restored: the address is bound to the mail, not to a number."""
    delivery, path = sent
    Delivery.objects.filter(pk=delivery.pk).delete()
    DeliveryFactory(pk=delivery.pk, attempt=delivery.attempt, message_id="<another@example.com>")
    assert visitor.get(path).status_code == 404


def test_an_old_key_still_opens_it(sent, visitor, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a-new-key" * 6
    assert visitor.get(sent[1]).status_code == 200


def test_the_link_of_a_test_says_what_it_will_be(owner, smtp, visitor):
    send_test(message=MessageFactory(owner=owner, body=BODY), owner=owner, to="me@example.org")
    [mail] = smtp.mails
    answer = visitor.get(path_in(mail.content))
    assert answer.status_code == 404
    assert "This was a test." in flat(answer)


def test_a_mail_without_the_field_costs_nothing_for_it(owner, smtp, monkeypatch):
    monkeypatch.setattr(view_links, "token_for", None)
    make_mailing(owner, [ClientFactory(owner=owner)])
    assert len(smtp.mails) == 1


def test_no_attribute_takes_the_name_of_a_merge_field():
    assert set(MERGE_FIELDS) <= RESERVED | {SALUTATION}
