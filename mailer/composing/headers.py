"""Header fields, written by hand because the email package takes a millisecond for it."""

import re
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_FOLD = re.compile(r"(?<=\S)(?=\s)")
FIRST_WORD, WORD = 36, 45  # octets in an encoded-word of at most 75 characters (RFC 2047 section 2)
LINE = 76


def one_line(text: str) -> str:
    """Make text safe inside a header: nothing in it can start another one (RFC 5322 section 2.2)."""
    return (text if text.isprintable() else _CONTROL.sub(" ", text)).strip()


def unstructured(text: str) -> bytes:
    """A subject: as it is, folded, or in encoded-words (RFC 2047)."""
    if not text.isascii() or "=?" in text:
        return _encoded(text)
    if len(text) <= LINE - len("Subject: "):
        return text.encode("ascii")
    return _folded(text)


def mailbox(name: str, address: str) -> bytes:
    """`name <address>`, with the name quoted or encoded as it needs to be (RFC 5322 section 3.4)."""
    if not name:
        return address.encode()
    if not name.isascii() or "=?" in name:
        phrase = _encoded(name)
    elif _PHRASE.fullmatch(name):
        phrase = name.encode("ascii")
    else:
        phrase = b'"%s"' % re.sub(r'(["\\])', r"\\\1", name).encode("ascii")
    gap = b" " if len(phrase) + len(address) < LINE - 20 else b"\r\n "
    return phrase + gap + b"<" + address.encode() + b">"


def date(now: datetime) -> bytes:
    """RFC 5322 section 3.3."""
    return format_datetime(now.astimezone(UTC)).encode("ascii")


def _encoded(text: str) -> bytes:
    words, rest, size = [], text.encode(), FIRST_WORD
    while rest:
        end = min(size, len(rest))
        while end < len(rest) and rest[end] & 0xC0 == 0x80:  # never in the middle of a character
            end -= 1
        words.append(b"=?utf-8?b?" + b64encode(rest[:end]) + b"?=")
        rest, size = rest[end:], WORD
    return b"\r\n ".join(words)


def _folded(text: str) -> bytes:
    """Lines broken before white space, which unfolding puts together again as it was."""
    lines, line = [], ""
    for word in _FOLD.split(text):
        if line and len(line) + len(word) > LINE - len("Subject: "):
            lines.append(line)
            line = ""
        line += word
    lines.append(line)
    return "\r\n".join(lines).encode("ascii")
