"""The fast way of writing a mail gives the same mail as the slow, obvious one."""

import email.policy
import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mailer.composing.compiling import compile_message
from mailer.composing.merge import SAMPLE, CannotCompile
from mailer.composing.mime_template import LONGEST_LINE
from mailer.composing.rendering import Composer, Recipient, RenderedMessage
from mailer.transport import CannotWrite
from people.models import User

pytestmark = pytest.mark.once

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="{}\x00"), max_size=120
) | st.sampled_from(["", ".", "..\n.", "x" * 1200, "ё" * 600, "line\r\n.dot\r.cr\n", "a " * 300, " =3D= "])
NAMES = TEXT.map(lambda text: text[:150])
# The local part is a dot-atom (RFC 5322 section 3.2.3).
EMAILS = st.from_regex(r"[a-z0-9+'_-]{1,9}(\.[a-z0-9+'_-]{1,9})?@(example\.org|почта\.рф)", fullmatch=True)
FIELDS = st.sampled_from(
    [
        "{{ full_name }}",
        "{{ first_name | default: 'friend' }}",
        "{{ email }}",
        "{{- full_name | upcase -}}",
        "{{ unsubscribe_url }}",
        "{{ view_url }}",
        "{{ sender_name }}",
        "{% if full_name == '' %}\n.nobody{% else %}{{ full_name | escape }}{% endif %}",
        "<b>",
        "\n.",
        "\n",
    ]
)
BODIES = st.lists(TEXT | FIELDS, max_size=6).map("".join)
SUBJECTS = st.lists(TEXT.map(lambda text: text[:60]) | FIELDS, max_size=4).map("".join)


def parsed(content):
    return message_from_bytes(content, policy=email.policy.default)


def texts(mail):
    return [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()]


def plain_spaces(value):
    return re.sub(r"\s+", " ", str(value)).strip()


def mailbox_of(content, name):
    """By the older parser: the newer one keeps the space between two encoded-words of a long name."""
    phrase, address = parseaddr(message_from_bytes(content)[name])
    return plain_spaces(make_header(decode_header(phrase))), address


def composer_of(subject, body, name="Olga Owner"):
    owner = User(pk=7, email="owner@example.com", name=name)
    return Composer(compiled=compile_message(subject=subject, body=body), owner=owner)


@settings(max_examples=300, deadline=None)
@given(subject=SUBJECTS, body=BODIES, full_name=NAMES, address=EMAILS, sender=NAMES, eight_bit=st.booleans())
def test_both_ways_of_writing_a_mail_parse_to_the_same(subject, body, full_name, address, sender, eight_bit):
    try:
        composer = composer_of(subject, body, sender)
    except CannotCompile:
        reject()  # "<A{{ full_name }}" is HTML that is refused when it is saved
    recipient = Recipient(email=address, full_name=full_name, message_id="<1.abc@example.com>", pk=5)
    content = composer.write(recipient, eight_bit=eight_bit)
    fast, slow = parsed(content), parsed(composer.as_django(recipient).message().as_bytes(linesep="\r\n"))

    assert re.search(rb"(?<!\r)\n|\r(?!\n)|\0", content) is None
    assert max(map(len, content.split(b"\r\n"))) <= LONGEST_LINE
    assert eight_bit or content.isascii()
    assert [part.get_content_type() for part in fast.walk()] == [p.get_content_type() for p in slow.walk()]
    assert texts(fast) == texts(slow)
    assert sorted(fast.keys()) == sorted(slow.keys())
    for name in (
        "Message-ID",
        "Precedence",
        "Auto-Submitted",
        "Feedback-ID",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    ):
        assert plain_spaces(fast[name]) == plain_spaces(slow[name])
    filled = composer.compiled.fill(composer._values(recipient, "https://x/"))
    assert "=?" in filled.subject or plain_spaces(fast["Subject"]) == plain_spaces(slow["Subject"])
    for name in ("From", "To", "Reply-To"):
        assert mailbox_of(content, name) == mailbox_of(
            composer.as_django(recipient).message().as_bytes(), name
        )


@settings(max_examples=200, deadline=None)
@given(subject=TEXT.map(lambda text: text[:200]))
def test_a_subject_arrives_as_it_was_written(subject):
    composer = composer_of(subject, "x")
    recipient = Recipient(email="a@b.cd", full_name="", message_id="<1@b.cd>")
    assert (
        parsed(composer.write(recipient, eight_bit=True))["Subject"] == composer.compiled.fill(SAMPLE).subject
    )


def test_an_address_in_another_script_is_written_as_it_is():
    recipient = Recipient(email="анна@почта.рф", full_name="Анна", message_id="<1@b.cd>")
    content = composer_of("S", "x").write(recipient, eight_bit=True, utf8=True)
    assert "<анна@почта.рф>\r\n".encode() in content


def test_a_mail_that_cannot_be_merged_says_why():
    composer = composer_of("{{ full_name | truncate: email }}", "x")
    mail = RenderedMessage(composer, Recipient(email="a@b.cd", full_name="A", message_id="<1@b.cd>"))
    for write in (lambda: mail.write(eight_bit=True, utf8=False), mail.as_django):
        with pytest.raises(CannotWrite, match="truncate"):
            write()


def test_a_mail_written_in_advance_is_the_same_and_is_given_once_only_as_it_was_meant(time_machine):
    time_machine.move_to(1_800_000_000, tick=False)
    recipient = Recipient(email="a@b.cd", full_name="Ёж", message_id="<1@b.cd>")
    composer = composer_of("{{ first_name }}", "Привет {{ full_name }}")
    at_once = {
        bits: parsed(RenderedMessage(composer, recipient).write(eight_bit=bits, utf8=False))
        for bits in (True, False)
    }
    for prepared in (True, False):
        for wanted in (True, False):
            mail = RenderedMessage(composer, recipient)
            mail.prepare(eight_bit=prepared)
            for _ in range(2):
                assert (
                    parsed(mail.write(eight_bit=wanted, utf8=False)).as_bytes() == at_once[wanted].as_bytes()
                )


def test_a_mail_that_cannot_be_written_in_advance_says_so_when_it_is_asked_for():
    composer = composer_of("{{ full_name | truncate: email }}", "x")
    mail = RenderedMessage(composer, Recipient(email="a@b.cd", full_name="A", message_id="<1@b.cd>"))
    mail.prepare(eight_bit=True)
    with pytest.raises(CannotWrite, match="truncate"):
        mail.write(eight_bit=True, utf8=False)
