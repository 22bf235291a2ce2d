"""What we sign is verified by dkimpy, another implementation."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import dkim
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from people.mail import send
from site_config import environment
from site_config.dkim import Signer, load_key, sign
from testing.smtp_server import SmtpServer

LINES = st.text(alphabet="ab. \t\r\n=é", max_size=200)


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> list[Signer]:
    folder = tmp_path_factory.mktemp("keys")
    found = []
    for kind in ("rsa", "ed25519"):
        call_command("dkim_key", kind, folder / f"{kind}.pem", type=kind, stdout=StringIO())
        found.append(Signer(kind, "example.com", load_key(folder / f"{kind}.pem")))
    return found


def verified(content: bytes, signers: list[Signer]) -> list[bool]:
    """What dkimpy says of each signature, from the first."""
    records = {f"{name}.".encode(): value.encode() for name, value in (s.record for s in signers)}
    return [_verified(content, n, records) for n in range(len(signers))]


def _verified(content: bytes, number: int, records: dict[bytes, bytes]) -> bool:
    try:
        return bool(dkim.DKIM(content).verify(idx=number, dnsfunc=lambda name, **_: records[name]))
    except dkim.ValidationError:
        return False


MAIL = (
    b"From: Anna via Mailings <news@example.com>\r\nReply-To: anna@example.org\r\n"
    b"To: =?utf-8?b?0JDQvdC90LA=?=\r\n <b@example.net>\r\nSubject: One   two\r\n"
    b"Date: Fri, 27 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\nList-Id: Anna <u1.list.example.com>\r\n"
    b"List-Unsubscribe: <https://example.com/u/1>,\r\n <mailto:x@example.com>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: 1:2:mailing:examplecom\r\n\r\n"
)


def test_both_kinds_of_key_are_verified(signers: list[Signer]) -> None:
    assert verified(sign(MAIL + b"Dear  Anna,\t \r\n\r\n.\r\n\r\n\r\n", signers), signers) == [True, True]


def test_all_that_one_click_unsubscribing_needs_is_signed(signers: list[Signer]) -> None:
    names = re.search(rb"h=([^;]*)", sign(MAIL + b"x\r\n", signers[:1]))
    assert names
    signed = re.sub(rb"\s", b"", names[1]).split(b":")
    assert {
        b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"list-id", b"list-unsubscribe",
        b"list-unsubscribe-post", b"feedback-id",
    } <= set(signed)  # fmt: skip
    assert signed.count(b"from") == 2  # another one cannot be added


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"Dear Anna", b"Dear Eve"),
        (b"One-Click", b"Two-Click"),
        (b"Subject: One", b"Subject: Other"),
        (b"\r\nTo:", b"\r\nFrom: eve@example.org\r\nTo:"),
    ],
)
def test_what_is_altered_is_not_verified(signers: list[Signer], was: bytes, now: bytes) -> None:
    content = sign(MAIL + b"Dear Anna\r\n", signers)
    assert was in content
    assert verified(content.replace(was, now, 1), signers) == [False, False]


@given(body=LINES, value=st.text(alphabet="ab \t:;", min_size=1, max_size=50))
def test_any_mail_is_verified(signers: list[Signer], body: str, value: str) -> None:
    text = body.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode()
    content = MAIL.replace(b"One   two", value.encode()) + text + b"\r\n"
    assert verified(sign(content, signers[1:]), signers[1:]) == [True]


@pytest.mark.django_db
def test_mail_about_accounts_is_signed_in_seven_bits(settings: Any, tmp_path: Path) -> None:
    call_command("dkim_key", "rsa", tmp_path / "key", stdout=StringIO())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.MAIL_DKIM_KEYS, settings.MAIL_DKIM_DOMAIN = [("rsa", str(tmp_path / "key"))], "example.com"
    with SmtpServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        mail = EmailMultiAlternatives("Привет", "Дорогая Анна", "Mailings <accounts@example.com>")
        mail.attach_alternative("<p>Дорогая Анна</p>", "text/html")
        assert send(mail, to="anna@example.net")
    content = server.mails[0].content
    assert content.isascii()
    mine = [Signer("rsa", "example.com", load_key(tmp_path / "key"))]
    assert verified(content, mine) == [True]
    assert server.mails[0].part("plain").strip() == "Дорогая Анна"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    call_command("dkim_key", "news", tmp_path / "key", stdout=StringIO())
    return tmp_path / "key"


def test_the_command_keeps_a_key_and_says_what_to_publish(key: Path) -> None:
    before, out = key.read_bytes(), StringIO()
    call_command("dkim_key", "news", key, domain="example.org", stdout=out)
    assert key.read_bytes() == before
    assert key.stat().st_mode & 0o777 == 0o600
    first, record, _, setting, domain = out.getvalue().splitlines()
    name, value = Signer("news", "example.org", load_key(key)).record
    strings = re.findall('"([^"]*)"', record)
    assert first == "Publish this record:"
    assert record.startswith(f"{name}. IN TXT ")
    assert "".join(strings) == value
    assert max(map(len, strings)) <= 255
    assert (setting, domain) == (f"MAIL_DKIM_KEYS=news:{key}", "MAIL_DKIM_DOMAIN=example.org")


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "no private key"), (b"-----BEGIN", "no private key"), (None, "No such file")]
)
def test_a_setting_that_names_no_key_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    monkeypatch.setitem(environment.env.ENVIRON, "KEYS", f"news:{tmp_path / 'key'}")
    with pytest.raises(ImproperlyConfigured, match=f"^KEYS: .* cannot be used: .*{said}"):
        environment.dkim_keys("KEYS")


@pytest.mark.parametrize("setting", ["news", ":/a", "ne ws:/a", "ne\nws:/a", "-:/a"])
def test_a_setting_without_a_selector_is_shown_what_it_looks_like(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setitem(environment.env.ENVIRON, "KEYS", setting)
    with pytest.raises(ImproperlyConfigured, match=r"^KEYS must look like news:/etc/mailings/news\.pem"):
        environment.dkim_keys("KEYS")


@pytest.mark.parametrize("selector", ["", "a b", "a;b", "../x"])
def test_the_command_refuses_what_is_no_selector(tmp_path: Path, selector: str) -> None:
    with pytest.raises(CommandError, match="A selector is made of letters"):
        call_command("dkim_key", selector, tmp_path / "key")
    assert not (tmp_path / "key").exists()
