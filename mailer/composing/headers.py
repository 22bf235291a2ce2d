"""Header fields, written by hand because the email package takes a millisecond for them."""

import re
from binascii import b2a_base64
from datetime import UTC, datetime
from email.utils import format_datetime

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # it would show the rest from right to left
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_FOLD = re.compile(r"(?<=\S)(?=\s)")
FIRST_WORD, WORD = 36, 45  # octets in an encoded-word of at most 75 characters (RFC 2047 section 2)
ONE_WORD = 39  # octets, on one line with a field's name
LINE = 76
LONGEST_WORD = 900  # characters of a line, which may have 998 (RFC 5322 section 2.1.1)
LONGEST_MAILBOX = 200  # octets: sendmail truncates anything longer than about 256


def one_line(text: str) -> str:
    """Make text safe in a header: nothing in it can start another one (RFC 5322 section 2.2)."""
    return (text if text.isprintable() else _CONTROL.sub(" ", _TURNING.sub("", text))).strip()


def unstructured(text: str) -> bytes:
    """A subject: unchanged, folded, or in encoded-words (RFC 2047)."""
    if not text.isascii() or "=?" in text:
        return _encoded(text)
    if len(text) <= LINE - len("Subject: "):
        return text.encode("ascii")
    return _folded(text)


def mailbox(name: str, address: str) -> bytes:
    """`name <address>`, with the name quoted or encoded as needed (RFC 5322 section 3.4).

    A name that makes it longer than servers accept is cut after a word, or left out.
    """
    if not name:
        return address.encode()
    if len(name) + len(address) < LINE - 20 and _PHRASE.fullmatch(name) and "=?" not in name:  # most
        return f"{name} <{address}>".encode()
    return _fitted(name, address)[1]


def shortened(name: str, address: str) -> str:
    """As much of a name as `mailbox` writes."""
    return _fitted(name, address)[0]


def _fitted(name: str, address: str) -> tuple[str, bytes]:
    written = address.encode()
    while name:
        phrase = _phrase(name)
        gap = b" " if len(phrase) + len(address) < LINE - 20 else b"\r\n "
        whole = phrase + gap + b"<" + written + b">"
        if len(whole) <= LONGEST_MAILBOX:
            return name, whole
        name = name.rpartition(" ")[0].rstrip()
    return "", written


def date(now: datetime) -> bytes:
    """RFC 5322 section 3.3."""
    return format_datetime(now.astimezone(UTC)).encode("ascii")


def _phrase(name: str) -> bytes:
    if not name.isascii() or "=?" in name:
        return _one_word(name) or _encoded(name)
    if _PHRASE.fullmatch(name):
        return name.encode("ascii")
    return b'"%s"' % re.sub(r'(["\\])', r"\\\1", name).encode("ascii")


def _one_word(name: str) -> bytes:
    """A name in one encoded-word, if it fits; in KOI8-R, twice as many letters do.

    Some readers, Python's own before 3.12.9 among them, show a blank between two encoded-words, against RFC
    2047.
    """
    data = name.encode()
    if len(data) <= ONE_WORD:
        return b"=?utf-8?b?" + b2a_base64(data, newline=False) + b"?="
    try:
        data = name.encode("koi8-r")
    except UnicodeEncodeError:
        return b""
    return b"=?koi8-r?b?" + b2a_base64(data, newline=False) + b"?=" if len(data) <= ONE_WORD else b""


def _encoded(text: str) -> bytes:
    """Encoded-words, split after a blank where possible."""
    words, rest, size = [], text.encode(), FIRST_WORD
    while rest:
        end = min(size, len(rest))
        if end < len(rest):
            # Otherwise anywhere, but never inside a character.
            end = rest.rfind(b" ", 0, end) + 1 or _character_end(rest, end)
        words.append(b"=?utf-8?b?" + b2a_base64(rest[:end], newline=False) + b"?=")
        rest, size = rest[end:], WORD
    return b"\r\n ".join(words)


def _character_end(octets: bytes, end: int) -> int:
    while octets[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _folded(text: str) -> bytes:
    """Lines broken before white space, so that unfolding restores the text."""
    lines, line = [], ""
    for word in _FOLD.split(text):
        if line and len(line) + len(word) > LINE - len("Subject: "):
            lines.append(line)
            line = ""
        line += word
    lines.append(line)
    if max(map(len, lines)) > LONGEST_WORD:
        return _encoded(text)  # there is no blank to break at
    return "\r\n".join(lines).encode("ascii")
