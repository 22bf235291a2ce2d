"""Every door of a client's address gives it the same spelling, and what goes out is one address."""

import email.policy
import io
import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from hypothesis import example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from mailer.audience.importing import import_clients
from mailer.composing.compiling import compile_message
from mailer.composing.headers import LONGEST_MAILBOX, mailbox, shortened, unstructured
from mailer.composing.rendering import Composer, Recipient
from mailer.composing.unsubscribe_links import read_token, suppress, token_for
from mailer.forms.message import TestSendForm
from mailer.models import Client, Delivery, Suppression
from mailer.transport import CannotWrite
from mailer.transport.addresses import path, written
from people.addresses import canonical
from people.models import User
from testing.addresses import MAILBOXES, REFUSED, TEXTS
from testing.factories import ClientFactory, ClientGroupFactory
from testing.sending import make_mailing

SPELLINGS = [(shown, text) for shown, _, others in MAILBOXES for text in others]
LONGEST = "ж" * 32 + "@" + ("ж" * 52 + ".") * 3 + "рф"
KEPT = ["n16@\uff45xample.com", "zw15@exam\u00adple.com", "stopped@stop-me.\uff45xample"]


def client_form(owner, browser, address):
    return browser.post(
        reverse("client_create"), {"email": address, "full_name": "", "comment": "", "groups": []}
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("shown", "text"), SPELLINGS)
def test_the_form_takes_no_second_client_for_a_mailbox(owner, client_of, shown, text):
    browser = client_of(owner)
    assert client_form(owner, browser, text).status_code == 302
    kept = Client.objects.get().email
    assert kept == canonical(text)
    answer = client_form(owner, browser, shown)
    assert answer.context["form"].errors == {"email": ["You already have a client with this email."]}
    assert Client.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("text", [text for text in REFUSED if text and "\ud800" not in text], ids=ascii)
def test_the_form_refuses_what_is_no_address(owner, client_of, text):
    answer = client_form(owner, client_of(owner), text)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"email": [REFUSED[text]]}


@pytest.mark.django_db
def test_a_file_makes_one_client_of_each_mailbox_and_tells_the_rest(owner):
    lines = (
        "email,name",
        "zw15@example.com,Ann",
        "zw15@example.com\u200b,Ann again",
        "n16@example.com,Bob",
        "n16@\uff45xample.com,Bob again",
        "n14@straße.example,Eszett",
        "n14@strasse.example,Another",
    )
    imported = import_clients(io.BytesIO("\n".join(lines).encode()), owner=owner)
    assert (imported.created, imported.repeated, imported.refused) == (4, 1, 1)
    assert [(row.line, row.why) for row in imported.examples] == [
        (5, "“\uff45xample.com” is not a domain name.")
    ]
    assert list(Client.objects.order_by("full_name").values_list("email", "full_name", "address_key")) == [
        ("zw15@example.com", "Ann again", "zw15@example.com"),
        ("n14@strasse.example", "Another", "n14@strasse.example"),
        ("n16@example.com", "Bob", "n16@example.com"),
        ("n14@straße.example", "Eszett", "n14@xn--strae-oqa.example"),
    ]


@pytest.mark.django_db
def test_a_file_knows_a_client_under_another_spelling(owner):
    for shown, _, _ in MAILBOXES:
        ClientFactory(owner=owner, email=canonical(shown))
    file = "email\n" + "\n".join(text.strip() for _, text in SPELLINGS)
    imported = import_clients(io.BytesIO(file.encode()), owner=owner)
    assert (imported.created, imported.refused) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(("shown", "text"), SPELLINGS)
def test_the_stop_list_knows_every_spelling(owner, stranger, shown, text):
    client = ClientFactory(owner=owner, email=canonical(shown))
    assert suppress(owner_id=owner.pk, email=text, reason="unsubscribed")
    assert not suppress(owner_id=owner.pk, email=shown, reason="bounced")
    assert Suppression.objects.matching_address(shown, owner.pk).get().email == canonical(text)
    assert not Suppression.objects.matching_address(shown, stranger.pk).exists()
    row: Any = Client.objects.with_suppression().get(pk=client.pk)
    assert row.suppressed == "unsubscribed"
    assert Suppression.objects.get_by_natural_key(owner.email, text).reason == "unsubscribed"
    assert Client.objects.get_by_natural_key(owner.email, text) == client


@pytest.mark.django_db
@pytest.mark.parametrize("kept", KEPT)
def test_a_link_of_before_stops_the_mailbox_that_the_mail_came_to(owner, kept):
    token = token_for(owner_id=owner.pk, email=kept)
    assert Browser().post(reverse("unsubscribe", args=[token])).status_code == 200
    mailbox_of_it = kept.replace("\uff45", "e").replace("\u00ad", "")
    assert Suppression.objects.get().email == mailbox_of_it
    assert Suppression.objects.matching_address(mailbox_of_it, owner.pk).exists()
    assert "You are unsubscribed" in Browser().get(reverse("unsubscribe", args=[token])).content.decode()


@pytest.mark.django_db
def test_a_test_mail_to_oneself_on_the_stop_list_is_refused_in_any_spelling(owner):
    owner.email = "user@bücher.example"
    suppress(owner_id=owner.pk, email="USER@xn--bcher-kva.example", reason="unsubscribed")
    form = TestSendForm({"to": "user@bücher.example"}, owner=owner)
    assert form.errors == {"to": ["This address is on your stop-list, so nothing is sent to it."]}
    assert TestSendForm({"to": "a@exam\u00adple.com"}, owner=owner).errors == {
        "to": ["Test mails go only to your own addresses."]
    }


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["client", "suppression"])
def test_the_administration_makes_no_second_row_for_a_mailbox(owner, superuser, client_of, model):
    ClientFactory(owner=owner, email="user@bücher.example")
    suppress(owner_id=owner.pk, email="user@bücher.example", reason="bounced")
    form = {"owner": owner.pk, "full_name": "", "comment": "", "reason": "bounced"}
    url, browser = reverse(f"admin:mailer_{model}_add"), client_of(superuser)
    answer = browser.post(url, {**form, "email": "USER@xn--bcher-kva.example"})
    assert list(answer.context["adminform"].form.errors) == ["__all__"]
    answer = browser.post(url, {**form, "email": "a@\uff45xample.com"})
    assert list(answer.context["adminform"].form.errors) == ["email"]
    assert browser.post(url, {**form, "email": "x@xn--bcher-kva.example\u200b"}).status_code == 302
    rows = apps.get_model("mailer", model)._default_manager.filter(email="x@bücher.example")
    assert rows.get().address_key == "x@xn--bcher-kva.example"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_who_left_under_one_spelling_is_not_mailed_under_another(owner, smtp, settings, when):
    """Before the run opens, and between its opening and the mail."""
    addresses = [canonical(shown) for shown, _, others in MAILBOXES if others]
    texts = [others[-1] for _, _, others in MAILBOXES if others]
    clients = [ClientFactory(owner=owner, email=address) for address in addresses]
    first = ClientFactory(owner=owner, email="First@Example.org")

    def leave(*_):
        for text in texts:
            suppress(owner_id=owner.pk, email=text, reason="unsubscribed")

    if when == "before":
        leave()
    else:
        smtp.on_mail = leave
    settings.MAIL_WINDOW = 1
    attempt = make_mailing(owner, [first, *clients]).attempts.get()
    mailed = set(smtp.recipients)
    assert "First@Example.org" in mailed
    # One may be in the hands of a worker already.
    assert len(mailed) <= (1 if when == "before" else 3)
    skipped = Delivery.objects.filter(attempt=attempt, status="skipped")
    assert skipped.count() >= len(addresses) - 2
    assert set(skipped.values_list("response", flat=True)) == {"Not mailed: unsubscribed"}


@pytest.mark.django_db
def test_the_stop_list_is_searched_by_an_index(owner):
    ClientFactory.create_batch(3, owner=owner)
    rows = Client.objects.owned_by(owner).with_suppression()
    if connection.vendor == "sqlite":
        assert "SEARCH U0 USING INDEX" in rows.explain()
        assert "(owner_id=? AND address_key=?)" in rows.explain()
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    assert "mailer_suppression_address_unique" in rows.explain()


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_the_address_itself_takes_no_room_in_the_ledger(owner, smtp):
    for address in ("a@example.org", "B@example.org", "c@bücher.example"):
        ClientFactory(owner=owner, email=address)
    make_mailing(owner, list(Client.objects.all()))
    assert list(Delivery.objects.order_by("email").values_list("email", "address_key")) == [
        ("B@example.org", "b@example.org"),
        ("a@example.org", None),
        ("c@bücher.example", "c@xn--bcher-kva.example"),
    ]


@pytest.mark.once
@pytest.mark.parametrize(
    ("address", "wire", "utf8"),
    [
        ("a@example.org", "a@example.org", False),
        ("n14@straße.example", "n14@xn--strae-oqa.example", False),
        ("user@ελλάς.example", "user@xn--hxarsa0b.example", False),
        ("a@bücher.example", "a@xn--bcher-kva.example", False),
        ("zw15@example.com\u200b", "zw15@example.com", False),
        ("анна@почта.рф", "анна@почта.рф", True),
        ("анна@example.com", "анна@example.com", True),
    ],
)
def test_what_goes_over_the_wire(address, wire, utf8):
    assert path(address) == (wire.encode(), utf8)
    assert written(address) == (wire, utf8)


@pytest.mark.once
@pytest.mark.parametrize(
    "address",
    [
        *(text for text in REFUSED if text not in ("a@b", "a@b.c", "a@192.0.2.1", "a@b.cd.", "a@b..cd")),
        "a@b.org> NOTIFY=NEVER",
        "a@b.org\tSIZE=1",
        "a@b.org>,<c@d.ef",
    ],
    ids=ascii,
)
def test_nothing_else_goes_over_the_wire(address):
    try:
        wire, _ = path(address)
    except (CannotWrite, UnicodeError):
        return
    assert re.fullmatch(rb"[^\s<>(),;:\\\"\[\]@]+@[A-Za-z0-9._-]+", wire)


@pytest.mark.once
@hypothesis(max_examples=1000, deadline=None)
@given(TEXTS | st.text(max_size=40), st.text(max_size=30))
@example("a@victim.com＞\u3000NOTIFY＝NEVER\u3000ORCPT＝rfc822；z＜b.org", "x")
@example("a@victim.com＞，＜ceo＠evil.org", "x")
def test_whatever_is_written_is_one_argument_and_one_address(text, name):
    try:
        wire, utf8 = path(text)
    except (CannotWrite, UnicodeError):
        return
    assert re.search(r"[\s<>(),;:\\\"\[\]]", wire.decode()) is None
    assert wire.count(b"@") == 1
    assert utf8 is not wire.isascii()
    header = mailbox(" ".join(re.sub(r"[\x00-\x1f\x7f]", " ", name).split()), wire.decode())
    assert [address for _, address in getaddresses([header.decode()])] == [wire.decode()]


@pytest.mark.once
@hypothesis(max_examples=1000, deadline=None)
@given(TEXTS)
def test_whatever_is_taken_can_be_written(text):
    try:
        shown = canonical(text)
    except ValidationError:
        return
    wire, utf8 = path(shown)
    assert utf8 is not shown.rpartition("@")[0].isascii()
    assert canonical(wire.decode()) == shown


def read(header):
    """A name as three readers see it: Python's new parser, its old one, and RFC 2047 by the letter."""
    message = message_from_bytes(b"To: " + header + b"\r\n\r\n", policy=email.policy.default)
    [address] = message["To"].addresses
    assert not message["To"].defects
    old = message_from_bytes(b"To: " + header + b"\r\n\r\n")["To"]
    [(phrase, _)] = getaddresses([old])
    return address.display_name, str(make_header(decode_header(phrase)))


@pytest.mark.once
@pytest.mark.parametrize(
    "name",
    [
        "Анна",
        "Екатерина Александрова",
        "Константин Александрович Преображенский",
        "Ann Petrova",
        'Ann "Anny" O\'Neil, Jr.',
        "José Müller",
        "Ελένη Παπαδοπούλου",
        "=?utf-8?b?x?=",
    ],
)
def test_a_name_of_a_usual_length_is_read_as_it_was_written_by_all(name):
    assert read(mailbox(name, "a@example.org")) == (name, name)


@pytest.mark.once
@pytest.mark.parametrize("size", range(60, 151, 10))
@pytest.mark.parametrize("word", ["Константин ", "ё", "Name ", "x", '"', "名前 ", "Ж ", "Ωμέγα "])
@pytest.mark.parametrize(
    "address", ["a@b.cd", "u1817@a-rather-long-domain-name.example.org", "x" * 64 + "@b.cd"]
)
def test_a_mailbox_in_a_header_is_short_enough_for_every_server(word, size, address):
    name = (word * 150)[:size].strip()
    header = mailbox(name, address)
    assert len(header) <= LONGEST_MAILBOX
    assert max(map(len, header.split(b"\r\n"))) <= 76 or b"=?" not in header
    said = shortened(name, address)
    assert name.startswith(said)
    assert said == name or not said or name[len(said)] == " "  # cut after a word
    if said:
        assert " ".join(read(header)[0].split()) == read(header)[1] == said
    else:
        assert header == address.encode()


@pytest.mark.once
def test_encoded_words_are_cut_between_words():
    text = "Новости нашего магазина за последнюю неделю октября и ещё кое-что важное"
    decoded = [str(make_header(decode_header(word.decode()))) for word in unstructured(text).split(b"\r\n ")]
    assert "".join(decoded) == text
    assert all(word.endswith(" ") for word in decoded[:-1])


@pytest.mark.once
@pytest.mark.parametrize("name", ["x" * 150, "ё" * 150, ("word " * 30).strip(), "x" * 149 + "ё", "名" * 150])
@pytest.mark.parametrize("gap", ["", " ", ","])
def test_no_line_of_a_head_is_longer_than_a_line_may_be(name, gap):
    subject = gap.join(["{{ full_name }}"] * 15)
    owner = User(pk=7, email="owner@example.com", name=name)
    composer = Composer(compiled=compile_message(subject=subject, body="x"), owner=owner)
    for address in ("a@b.cd", LONGEST):
        content = composer.write(Recipient(address, name, "<1@b.cd>"), eight_bit=True, utf8=True)
        head = content.partition(b"\r\n\r\n")[0]
        assert max(map(len, head.split(b"\r\n"))) <= 998
        parsed = message_from_bytes(content, policy=email.policy.default)
        assert parsed["Subject"] == gap.join([name] * 15)
        # With SMTPUTF8 the address is not ASCII, which this parser takes for a defect.
        defects = [header for header, value in parsed.items() if value.defects]
        assert defects == ([] if address.isascii() else ["To"])


@pytest.mark.once
def test_the_token_of_the_longest_address_fits_on_a_line_and_is_read_back():
    token = token_for(owner_id=7, email=LONGEST)
    assert len(token) < 800
    link = read_token(token)
    assert (link.owner_id, canonical(link.email)) == (7, LONGEST)


@pytest.mark.django_db
def test_groups_and_fixtures_find_a_client_by_address(owner):
    group = ClientGroupFactory(owner=owner)
    client = ClientFactory(owner=owner, email="user@bücher.example")
    group.clients.add(Client.objects.get_by_natural_key(owner.email, "user@xn--bcher-kva.example"))
    assert list(group.clients.all()) == [client]
