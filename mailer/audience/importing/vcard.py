"""vCard (RFC 2426, RFC 6350), as phones and address books write it: one card per record."""

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from mailer.audience.importing import columns
from mailer.audience.importing.records import Record
from mailer.audience.importing.text_lines import Line, lines

MEANINGS = [columns.EMAIL, columns.NAME, columns.COMMENT]
_ESCAPE = re.compile(r"\\(.)")
_PROPERTY = re.compile(r'(?:[\w-]+\.)?([\w-]+)((?:;[^:;"]*(?:"[^"]*"[^:;"]*)*)*):(.*)', re.DOTALL)
_MOST_FOLDED = 500


@dataclass(slots=True)
class _Card:
    emails: list[tuple[bool, str]] = field(default_factory=list)
    name: str = ""
    parts: str = ""
    note: str = ""
    problem: str = ""

    def record(self, line: int) -> Record:
        ordered = [email for _preferred, email in sorted(self.emails, key=lambda one: not one[0])]
        cells = [" ::: ".join(ordered), self.name or self.parts, self.note]
        return Record(line, [cell.strip() for cell in cells], self.problem)


def records(file: BinaryIO, *, encoding: str) -> Iterator[Record]:
    """The cards, each with the number of its last line."""
    card = _Card()
    for line in _unfolded(lines(file, encoding)):
        card.problem = card.problem or line.problem
        match = _PROPERTY.fullmatch(line.text)
        if match is None:
            continue
        name, parameters, value = match[1].upper(), match[2].upper(), match[3]
        if name == "BEGIN":
            card = _Card()
        elif name == "END":
            yield card.record(line.number)
            card = _Card()
        else:
            _take(card, name, parameters, _decoded(parameters, value))


def _take(card: _Card, name: str, parameters: str, value: str) -> None:
    if name == "EMAIL" and value.strip():
        card.emails.append(("PREF" in parameters, plain(value.strip().removeprefix("mailto:"))))
    elif name == "FN":
        card.name = card.name or plain(value)
    elif name == "N" and not card.parts:
        last, first, middle, *_titles = [*re.split(r"(?<!\\);", value), "", "", ""]
        card.parts = " ".join(plain(f"{first} {middle} {last}").split())
    elif name == "NOTE":
        card.note = card.note or plain(value)


def _unfolded(source: Iterator[Line]) -> Iterator[Line]:
    """Folded lines, joined: the next begins with a blank, or this one ends with “=”."""
    whole, count = None, 0
    for line in source:
        text = line.text.rstrip("\r\n")
        soft = whole is not None and whole.text.endswith("=") and "QUOTED-PRINTABLE" in whole.text.upper()
        if whole is not None and (soft or text[:1] in (" ", "\t")):
            count += 1
            if count < _MOST_FOLDED:  # photos are longer: they are not used
                joined = whole.text[:-1] + text if soft else whole.text + text[1:]
                whole = Line(line.number, joined, whole.problem or line.problem)
            continue
        if whole is not None:
            yield whole
        whole, count = Line(line.number, text, line.problem), 0
    if whole is not None:
        yield whole


def _decoded(parameters: str, value: str) -> str:
    if "QUOTED-PRINTABLE" not in parameters:
        return value
    charset = re.search(r"CHARSET=([\w-]+)", parameters)
    data = quopri.decodestring(value.encode("utf-8", "replace"))
    try:
        return data.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def plain(value: str) -> str:
    r"""A value without vCard's escapes: \, \; \n."""
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
