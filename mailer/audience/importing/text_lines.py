"""The lines of a text file with their numbers, in constant memory."""

from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO, NamedTuple

from django.utils.translation import gettext as _

from mailer.audience.importing.records import LONGEST_LINE


class Line(NamedTuple):
    """With its line end, as written; `problem` says why it cannot be used."""

    number: int
    text: str
    problem: str = ""


def lines(file: BinaryIO, encoding: str) -> Iterator[Line]:
    """Read to the end; what is too long, or invalid in this encoding, is reported and skipped."""
    file.seek(0)
    # Even UTF-8 may begin with a byte order mark.
    wrapper = TextIOWrapper(
        file, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace", newline=""
    )
    number = 0
    try:
        while text := wrapper.readline(LONGEST_LINE):
            number += 1
            if len(text) >= LONGEST_LINE and text[-1] not in "\r\n":
                while (more := wrapper.readline(LONGEST_LINE)) and more[-1] not in "\r\n":
                    pass
                yield Line(number, text[:100], _("This line is too long: over %d characters.") % LONGEST_LINE)
            elif not text.isascii() and "\N{REPLACEMENT CHARACTER}" in text:
                yield Line(number, text, _("It contains bytes that are not valid in %s.") % label(encoding))
            else:
                yield Line(number, text)
    finally:
        if not file.closed:
            wrapper.detach()


def label(encoding: str) -> str:
    """How people write the name of an encoding."""
    return encoding.removesuffix("-sig").replace("cp125", "Windows-125").replace("utf_", "utf-").upper()
