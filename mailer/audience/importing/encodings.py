"""The encoding of a text file: by its first bytes, by what is valid, then by its letters."""

import codecs
from itertools import pairwise
from typing import BinaryIO

from charset_normalizer import from_bytes
from django.utils.translation import gettext as _

from mailer.audience.importing.records import CannotRead

CHOICES = ("utf-8", "utf-16", "cp1251", "koi8-r", "cp866", "cp1252", "cp1250", "mac-cyrillic", "latin-1")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does: checked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_TEXT_CONTROLS = {7, 8, 9, 10, 11, 12, 13, 26, 27}
_CYRILLIC = ("cp1251", "koi8-r", "cp866", "mac-cyrillic")
_IN_WORDS = "’‘“”–—…·«»\xa0\xad®™©"
# Letters by frequency in Russian, the most frequent first; the rest are rare.
_FREQUENT = "оеаинтсрвлкмдпу"


def known(name: str) -> str:
    """The encoding's name as Python knows it; raises LookupError if there is no such text encoding."""
    codec = codecs.lookup(name)
    "".encode(name)  # not every codec is one for text
    return codec.name


def detect(file: BinaryIO) -> str:
    """The name of the encoding; raises CannotRead for what is not text."""
    file.seek(0)
    head = file.read(_SAMPLE)
    if not head.strip(b"\0\r\n\t \xef\xbb\xbf\xff\xfe"):
        raise CannotRead(_("It is empty."))
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if wide := _wide(head):
        return wide
    if _is_binary(head):
        raise CannotRead(_("It can be read neither as text nor as a workbook. Save it as CSV or XLSX."))
    odd = _not_ascii(file)
    if _mostly_utf_8(odd):
        return "utf-8"
    return _by_letters(odd)


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: one of every two bytes marks Latin or Cyrillic, the other is the letter."""

    def is_high(part: bytes) -> bool:
        return part.count(0) > 0 and part.count(0) + part.count(4) > len(part) * 0.9

    even, uneven = head[0:2000:2], head[1:2000:2]
    if is_high(uneven) and not is_high(even):
        return "utf-16-le"
    return "utf-16-be" if is_high(even) and not is_high(uneven) else ""


def _is_binary(head: bytes) -> bool:
    controls = sum(byte < 32 and byte not in _TEXT_CONTROLS for byte in head[:4096])
    return controls > max(len(head[:4096]) * 0.02, 2) or head.count(0) > len(head) * 0.3


def _not_ascii(file: BinaryIO) -> bytes:
    """The lines, up to a sample of them, that are not ASCII; none if the file is ASCII throughout."""
    found = bytearray()
    file.seek(0)
    rest = b""
    while len(found) < _SAMPLE and (chunk := file.read(_CHUNK)):
        if chunk.isascii() and rest.isascii():
            rest = b""
            continue
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()[-_SAMPLE:]
        for line in lines:
            if not line.isascii():
                found += line[:2000] + b"\n"
    if not rest.isascii():
        found += rest
    return bytes(found[: 2 * _SAMPLE])


def _mostly_utf_8(odd: bytes) -> bool:
    """Valid except for a few bytes, which then spoil only their own lines."""
    try:
        odd.decode()
    except UnicodeDecodeError:
        text = odd.decode(errors="replace")
        broken = text.count("\N{REPLACEMENT CHARACTER}")
        good = sum(letter > "\x7f" for letter in text) - broken
        return good > broken * 5
    return True


def _by_letters(odd: bytes) -> str:
    scores = {name: _russian(odd.decode(name, errors="replace")) for name in _CYRILLIC}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] > 0.5:
        return best
    if not _odd_signs(odd.decode("cp1252", errors="replace")):
        return "cp1252"
    found = from_bytes(odd, cp_isolation=["cp1252", "cp1250", "cp1251", "cp1253", "cp1254"]).best()
    return found.encoding if found else "cp1252"


def _odd_signs(text: str) -> int:
    """Odd signs within words: read as Western European, the Central European “Michał” is “Micha³”."""
    within = pairwise(text)
    return sum(a.isalpha() and b > "\x9f" and not b.isalpha() and b not in _IN_WORDS for a, b in within)


def _russian(text: str) -> float:
    """How much a text looks like Russian: frequent letters, and capitals only at the start of words."""
    letters = [letter for letter in text if letter > "\x7f"]
    if not letters:
        return 0.0
    small = sum(letter in _FREQUENT for letter in letters)
    cyrillic = sum("а" <= letter.lower() <= "я" or letter in "ёЁ№«»—" for letter in letters)
    pairs = list(pairwise(text))
    capitals = sum(letter.isupper() and before.isalpha() for before, letter in pairs)
    # An é or ü read as Cyrillic stands beside Latin letters; real Russian does not.
    mixed = sum(a.isalpha() and b.isalpha() and a.isascii() != b.isascii() for a, b in pairs)
    shouted = small == 0 and all(letter.isupper() for letter in letters)
    frequent = sum(letter.lower() in _FREQUENT for letter in letters) if shouted else small
    strange = mixed + (0 if shouted else capitals)
    return (frequent + cyrillic) / (2 * len(letters)) - strange / len(letters)
