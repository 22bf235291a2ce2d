"""One spelling for each mailbox, and none for what is no address."""

import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from people.addresses import account_address, canonical, key_of, nearest, spelled

pytestmark = pytest.mark.once

NOT_ONE = "Enter a valid email address."
INVISIBLE = "There is an invisible character inside the address. Type it anew instead of pasting it."

# (as people read it, what it is compared by, other spellings)
MAILBOXES = [
    (
        "zw15@example.com",
        "zw15@example.com",
        [
            "ZW15@EXAMPLE.COM",
            "zw15@example.com\u200b",
            "\ufeffzw15@example.com",
            " \u00a0zw15@example.com\t\r\n",
            "zw15@example.com\u00ad",
            "\u2060zw15@example.com\u200e\u202c",
            "\u3000zw15@example.com\u3164",
            "zw15@example.com\ufe0f\u200d",
            "zw15@example\u3002com",
            "zw15@example\uff61com",
            "zw15@example\uff0ecom",
        ],
    ),
    (
        "user@bücher.example",
        "user@xn--bcher-kva.example",
        [
            "user@xn--bcher-kva.example",
            "USER@XN--BCHER-KVA.example",
            "user@BÜCHER.example",
            "user@bu\u0308cher.example",
            "user@bücher。example",
        ],
    ),
    (
        "n14@straße.example",
        "n14@xn--strae-oqa.example",
        ["n14@xn--strae-oqa.example", "N14@Straße.Example", "n14@STRA\u1e9eE.example"],
    ),
    ("n14@strasse.example", "n14@strasse.example", ["n14@STRASSE.example"]),
    ("user@ελλάς.example", "user@xn--hxarsa0b.example", ["user@xn--hxarsa0b.example"]),
    ("user@ελλάσ.example", "user@xn--hxarsa5b.example", ["user@ΕΛΛΆΣ.example"]),
    ("a@faß.de", "a@xn--fa-hia.de", ["a@FA\u1e9e.DE"]),
    ("анна@почта.рф", "анна@xn--80a1acny.xn--p1ai", ["Анна@ПОЧТА.РФ", "АННА@xn--80a1acny.XN--P1AI"]),
    ("νίκος@ελλάδα.gr", "νίκος@xn--hxakic4aa.gr", ["ΝΊΚΟΣ@ελλάδα.gr"]),
    ("jose\u0301@b.cd", "josé@b.cd", ["josé@b.cd", "JOSÉ@b.cd"]),
    ("用户@例え.jp", "用户@xn--r8jz45g.jp", ["用户@例え。jp"]),
    ("a@نامه\u200cای.com", "a@xn--mgba3gch31f060k.com", ["a@xn--mgba3gch31f060k.com"]),
    ("a@น้ํา.ไทย", "a@xn--q3c4c8cq.xn--o3cw4h", ["a@น้ำ.ไทย"]),
    ("a@דוגמה.com", "a@xn--6dbbec0c.com", []),
    ("o'neil+news@mail.co.uk", "o'neil+news@mail.co.uk", ["O'Neil+News@mail.co.uk"]),
    ("a@r3---sn.example.com", "a@r3---sn.example.com", []),
    ("root@localhost", "root@localhost", ["ROOT@LOCALHOST"]),
    ("!#$%&'*/=?^_`{|}~-@b.cd", "!#$%&'*/=?^_`{|}~-@b.cd", []),
]

REFUSED = {
    "n16@\uff45xample.com": "“\uff45xample.com” is not the name of a domain.",
    "demo@\uff45xample.com": "“\uff45xample.com” is not the name of a domain.",
    "stopped@stop-me.\uff45xample": "“stop-me.\uff45xample” is not the name of a domain.",
    "\uff41nn@b.cd": "“\uff41” cannot stand in an address.",
    "a\uff20b.cd": NOT_ONE,
    "a@\ufb01ne.cd": "“\ufb01ne.cd” is not the name of a domain.",
    "a@b\u2024cd.ef": "“b\u2024cd.ef” is not the name of a domain.",
    "a@exam\u00adple.com": INVISIBLE,
    "a@exam\u200bple.com": INVISIBLE,
    "a\u200b@example.com": INVISIBLE,
    "a@\u200bexample.com": INVISIBLE,
    "a@exa\u034fmple.com": INVISIBLE,
    "a@ex\u2800ample.com": INVISIBLE,
    "a@ex\u115fample.com": INVISIBLE,
    "a@\u202eexample.com": INVISIBLE,
    "a@exam\u2066ple\u2069.com": INVISIBLE,
    "a\u200fb@example.com": INVISIBLE,
    "a@a\u200cb.com": INVISIBLE,
    "a@exa\U000e0061mple.com": INVISIBLE,
    "a@victim.com＞\u3000NOTIFY＝NEVER\u3000ORCPT＝rfc822；z＜b.org": NOT_ONE,
    "a@victim.com＞，＜ceo＠evil.org": "“victim.com＞，＜ceo＠evil.org” is not the name of a domain.",
    "a＞，＜ceo@evil.org": "“＞” cannot stand in an address.",
    "a@b.cd,c@d.ef": "“@” cannot stand in an address.",
    "a,b@c.de": "“,” cannot stand in an address.",
    "a@b.cd;c": "“;” cannot stand in an address.",
    "a\u037eb@c.de": "“;” cannot stand in an address.",
    "Ann <a@b.cd>": NOT_ONE,
    "<a@b.cd>": "“<” cannot stand in an address.",
    "a(comment)@b.cd": "“(” cannot stand in an address.",
    '"a"@b.cd': "“\"” cannot stand in an address.",
    '"a b"@b.cd': NOT_ONE,
    "a\\b@b.cd": "“\\” cannot stand in an address.",
    "a@[192.0.2.1]": "“[” cannot stand in an address.",
    "a@[IPv6:2001:db8::1]": "“[” cannot stand in an address.",
    "a@192.0.2.1": "“192.0.2.1” is not the name of a domain.",
    "a@b.cd\r\nBcc: c@d.ef": NOT_ONE,
    "a\x1b@b.cd": NOT_ONE,
    "a\x85@b.cd": NOT_ONE,
    "a\u2028@b.cd": NOT_ONE,
    "a b@c.de": NOT_ONE,
    "a\u00a0b@c.de": NOT_ONE,
    "a\x00@b.cd": "Null characters are not allowed.",
    "": NOT_ONE,
    "nobody": NOT_ONE,
    "@b.cd": NOT_ONE,
    "a@": NOT_ONE,
    "\u200b": NOT_ONE,
    ".a@b.cd": NOT_ONE,
    "a.@b.cd": NOT_ONE,
    "a..b@c.de": NOT_ONE,
    "\u0301a@b.cd": "“\u0301” cannot stand in an address.",
    "a\ud800@b.cd": "“\ufffd” cannot stand in an address.",
    "a\ue000@b.cd": "“\ufffd” cannot stand in an address.",
    "a@b": "“b” is not the name of a domain.",
    "a@b.c": "“b.c” is not the name of a domain.",
    "a@b.cd.": "“b.cd.” is not the name of a domain.",
    "a@b.cd。": "“b.cd。” is not the name of a domain.",
    "a@b..cd": "“b..cd” is not the name of a domain.",
    "a@-b.cd": "“-b.cd” is not the name of a domain.",
    "a@b_c.de": "“b_c.de” is not the name of a domain.",
    "a@☕.cd": "“☕.cd” is not the name of a domain.",
    "a@xn--a.cd": "“xn--a.cd” is not the name of a domain.",
    "a@xn--example-.cd": "“xn--example-.cd” is not the name of a domain.",
    "a@xn--bücher.cd": "“xn--bücher.cd” is not the name of a domain.",
    "x" * 65 + "@b.cd": "The part before the @ is too long.",
    "ы" * 33 + "@b.cd": "The part before the @ is too long.",
    "a@" + "b" * 64 + ".cd": f"“{'b' * 64}.cd” is not the name of a domain.",
    "a@" + "b." * 125 + "org": "Ensure this value has at most 254 characters (it has 255).",
    "a@" + "ж." * 60 + "рф": "Ensure this value has at most 254 characters (it has 490).",
}  # fmt: skip


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


LETTERS = st.characters(exclude_categories=["Cs"])
ODD = st.sampled_from(".-_+@ ＠。．，＞\u200b\u200c\u200d\u00ad\ufeffßẞςΣσİıéе́ﬁªxn--ÄäЖ中あ한กำאب")
TEXTS = st.builds(
    "{}@{}".format,
    st.text(LETTERS | ODD | st.sampled_from("abcXYZ"), max_size=12),
    st.text(LETTERS | ODD | st.sampled_from("abcXYZ."), max_size=12).map(lambda text: f"{text}.com"),
)


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
