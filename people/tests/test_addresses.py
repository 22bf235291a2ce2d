"""One spelling for each mailbox, and none for what is no address."""

import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from people.addresses import account_address, canonical, key_of, nearest, spelled
from testing.addresses import MAILBOXES, REFUSED, TEXTS

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("shown", "key", "spelling"),
    [(shown, key, text) for shown, key, others in MAILBOXES for text in (shown, *others)],
)
def test_all_spellings_of_a_mailbox_have_one_key(shown, key, spelling):
    shown = unicodedata.normalize("NFC", shown)
    assert key_of(spelling) == key
    local, _, domain = canonical(spelling).rpartition("@")
    assert domain == shown.rpartition("@")[2]
    assert local.lower() == shown.rpartition("@")[0]
    assert account_address(spelling) == spelled(spelling) == shown


def test_two_mailboxes_have_two_keys():
    keys = [key for _, key, _ in MAILBOXES]
    assert len(set(keys)) == len(keys)
    assert key_of("straße@b.cd") != key_of("strasse@b.cd")
    assert key_of("a.b@c.de") != key_of("ab@c.de")


def test_the_part_before_the_at_is_kept_as_it_was_written():
    assert canonical("Anna.Petrova@EXAMPLE.org") == "Anna.Petrova@example.org"


@pytest.mark.parametrize(("text", "says"), REFUSED.items(), ids=map(ascii, REFUSED))
def test_what_is_no_address_is_refused_in_a_sentence(text, says):
    for spelling in (canonical, account_address):
        with pytest.raises(ValidationError) as caught:
            spelling(text)
        assert caught.value.messages == [says]
    assert spelled(text) == text
    assert isinstance(key_of(text), str)


@pytest.mark.parametrize(
    ("kept", "mailbox"),
    [
        ("n16@\uff45xample.com", "n16@example.com"),
        ("a@exam\u00adple.com", "a@example.com"),
        ("a@exam\u200bple.com", "a@example.com"),
        ("A@\ufb01ne.cd", "A@fine.cd"),
        ("n14@straße.example", "n14@straße.example"),
    ],
)
def test_what_was_kept_before_is_known_by_the_mailbox_it_was_mailed_at(kept, mailbox):
    assert str(nearest(kept)) == mailbox
    assert key_of(kept) == key_of(mailbox)


@settings(max_examples=1000, deadline=None)
@given(TEXTS | st.text(max_size=40))
def test_a_spelling_is_its_own_spelling(text):
    try:
        shown = canonical(text)
    except ValidationError:
        return
    assert canonical(shown) == shown
    assert unicodedata.is_normalized("NFC", shown)
    assert key_of(text) == key_of(shown) == key_of(key_of(text))
    assert account_address(account_address(text)) == account_address(text)
    assert key_of(account_address(text)) == key_of(text)
    assert account_address(shown) == account_address(text)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(MAILBOXES), st.text("\u200b\u00ad\ufeff\u2060 \t\u00a0", max_size=4), st.booleans())
def test_what_stands_around_an_address_is_no_part_of_it(mailbox, around, upper):
    shown, key, _ = mailbox
    local, _, domain = shown.rpartition("@")
    assume(local.upper().lower() == local.lower())
    assert key_of(f"{around}{local.upper() if upper else local}@{domain}{around}") == key
