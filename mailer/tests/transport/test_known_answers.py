"""The file of known answers: a broken line stops the start and is named."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from mailer.transport import known_answers
from mailer.transport.refusals import KNOWN

GOOD = """
[explanations.policy]
class = "sender"
en = ["No.", "Ask."]
ru = ["Нет.", "Спросите."]

[[answer]]
server = "any"
match = 'no way'
means = "policy"
example = "550 no way"
source = "RFC 5321"

[[words]]
server = "any"
match = 'never'
means = "policy"
example = "550 never"
source = "RFC 5321"
"""


def test_a_sound_file_is_read(tmp_path):
    read = known_answers.read(written(tmp_path, GOOD))
    assert [answer.means for answer in read.answers] == ["policy"]


@pytest.mark.parametrize(
    ("good", "bad", "line", "why"),
    [
        ("match = 'no way'", "match = 'no (way'", 9, "the pattern cannot be read: missing )"),
        ("match = 'no way'", "match = 'no .*way'", 9, "no * and +"),
        ("match = 'no way'", "match = 'no .{0,900}way'", 9, "at most {0,80}"),
        ("match = 'no way'", "match = '(no ){0,9}way'", 9, "no * and +"),
        ("match = 'no way'", "match = 'нет'", 9, "ASCII"),
        ("match = 'no way'", "match = 'No way'", 9, "lower case"),
        ("match = 'no way'", "match = 'no way|'", 9, "finds itself in every text"),
        ("match = 'no way'", "match = 7", 9, "match is a text"),
        ('means = "policy"\nexample = "550 no', 'means = "polcy"\nexample = "550 no', 10, "no explanation"),
        ("match = 'no way'", "match = 'no way'\ncodes = [550]", 10, "codes is a list of codes in quotes"),
        ("match = 'no way'", "match = 'no way'\nenhanced = ['x']", 10, "enhanced is a list of codes"),
        ("match = 'no way'", "match = 'no way'\nclass = 'x'", 7, "and no more"),
        ('source = "RFC 5321"\n\n[[words]]', "\n[[words]]", 7, "an answer has"),
        ("match = 'never'", "match = '+'", 16, "no * and +"),
        ('class = "sender"', 'class = "sendr"', 3, "there is no class 'sendr'"),
        ('en = ["No.", "Ask."]', 'en = ["No."]', 4, "en is a sentence and a remedy"),
        ('ru = ["Нет.", "Спросите."]', "", 2, "an explanation has class, en and ru"),
        ("[[answer]]", "[[answers]]", 7, "nobody reads a table 'answers'"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path, good, bad, line, why):
    assert good in GOOD
    file = written(tmp_path, GOOD.replace(good, bad, 1))
    with pytest.raises(ImproperlyConfigured) as raised:
        known_answers.read(file)
    assert str(raised.value).startswith(f"known_answers.toml, line {line}: ")
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [("a = [\n\nb", "line 3"), ("", "explanations"), (GOOD.split("[[w", maxsplit=1)[0], "words")],
)
def test_a_file_that_is_none_is_refused(tmp_path, text, why):
    with pytest.raises(ImproperlyConfigured, match=why):
        known_answers.read(written(tmp_path, text))


def test_octets_that_are_no_utf_8_are_refused(tmp_path):
    file = tmp_path / "known_answers.toml"
    file.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ImproperlyConfigured, match=r"known_answers\.toml cannot be read: .*position 5"):
        known_answers.read(file)


def test_the_file_knows_the_servers_people_run():
    assert len(KNOWN.answers) >= 150
    servers = " ".join(answer.server for answer in KNOWN.answers)
    wanted = (
        "Gmail Outlook Exchange Yahoo Mail.ru Yandex Rambler iCloud GMX WEB.DE Postfix postscreen Postgrey"
        " Exim OpenSMTPD sendmail qmail SES Mailgun SendGrid Mailjet Postmark Brevo Spamhaus Barracuda"
        " Proofpoint Mimecast Cisco"
    )
    assert [server for server in wanted.split() if server not in servers] == []


def written(folder: Path, text: str) -> Path:
    file = folder / "known_answers.toml"
    file.write_text(text, encoding="utf-8")
    return file
