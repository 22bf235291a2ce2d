"""How to read a file: guessed from its beginning, shown to its owner, and correctable."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from mailer.audience.importing import columns, csv_records, encodings, vcard
from mailer.audience.importing.records import MOST_COLUMNS, SAMPLE, CannotRead, Record, shown
from mailer.audience.importing.text_lines import lines
from mailer.audience.importing.xlsx import Workbook

_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_HEADING_WITHIN = 10  # the first records: a title may come before the heading
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How to read a file. `heading`: the number of the line that names the columns, 0 if there is none."""

    kind: str  # csv, xlsx or vcard
    encoding: str = ""
    delimiter: str = ""
    heading: int = 0
    names: tuple[str, ...] = ()
    meanings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "names": list(self.names), "meanings": list(self.meanings)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Layout":
        return cls(**{**stored, "names": tuple(stored["names"]), "meanings": tuple(stored["meanings"])})

    def with_meanings(self, meanings: Sequence[str]) -> "Layout":
        return replace(self, meanings=tuple(meanings))

    @property
    def has_email(self) -> bool:
        return columns.EMAIL in self.meanings


def detect(file: BinaryIO, *, encoding: str = "", delimiter: str = "", heading: bool | None = None) -> Layout:
    """Guess what is not given; raises CannotRead for what is not a list. No column may turn out to hold
    addresses.
    """
    kind = _kind(file)
    layout = Layout(kind=kind)
    if kind != "xlsx":
        found = encodings.known(encoding) if encoding else encodings.detect(file)
        layout = replace(layout, encoding=found)
    if kind == "csv":
        layout = replace(layout, delimiter=delimiter or _delimiter(file, layout.encoding))
    if kind == "vcard":
        names = ("EMAIL", "FN", "NOTE")
        return replace(layout, names=names, meanings=tuple(vcard.MEANINGS))
    first = list(islice(_every_record(file, layout), SAMPLE))
    if not first:
        raise CannotRead(_("It is empty."))
    return _named(layout, first, heading)


def records(file: BinaryIO, layout: Layout) -> Iterator[Record]:
    """The records below the heading."""
    return (record for record in _every_record(file, layout) if record.line > layout.heading)


def _every_record(file: BinaryIO, layout: Layout) -> Iterator[Record]:
    if layout.kind == "xlsx":
        return Workbook(file).records()
    if layout.kind == "vcard":
        return vcard.records(file, encoding=layout.encoding)
    found = csv_records.records(file, encoding=layout.encoding, delimiter=layout.delimiter)
    return (record for number, record in enumerate(found) if number or not _is_sep(record, layout))


def _is_sep(record: Record, layout: Layout) -> bool:
    """Excel's line that names the delimiter; it is split by that delimiter."""
    return _SEP.fullmatch(layout.delimiter.join(record.cells).ljust(5, layout.delimiter)) is not None


def _kind(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(4096)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "xlsx"
    if head[:4] == _OLD_EXCEL:
        raise CannotRead(
            _("It is an old workbook (.xls), or locked with a password. Save it as .xlsx or as CSV.")
        )
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return "vcard" if text[:11].upper() == b"BEGIN:VCARD" else "csv"


def _delimiter(file: BinaryIO, encoding: str) -> str:
    first = [line.text for line in islice(lines(file, encoding), SAMPLE) if line.text.strip()]
    if first and (match := _SEP.fullmatch(first[0])):
        return match[1]

    def fits(delimiter: str) -> tuple[bool, int, int]:
        parsed = list(islice(csv_records.records(file, encoding=encoding, delimiter=delimiter), SAMPLE))
        known = max((sum(map(bool, columns.by_name(record.cells))) for record in parsed[:10]), default=0)
        widths = [len(record.cells) for record in parsed]
        usual = max(widths, key=widths.count, default=1)
        whole = any(columns.EMAIL in columns.by_name(record.cells) for record in parsed[:10])
        return whole, known, widths.count(usual) * (usual > 1) * usual

    return max(csv_records.DELIMITERS, key=fits)


def _named(layout: Layout, first: list[Record], heading: bool | None) -> Layout:
    at = _heading(first, heading)
    if at is None:
        width = min(max(len(record.cells) for record in first), MOST_COLUMNS)
        meanings, names = [columns.UNUSED] * width, [""] * width
    else:
        if at.problem:
            raise CannotRead(_("The first line cannot be used. %s") % at.problem)
        names = [shown(name) for name in at.cells]
        meanings = columns.by_name(names)
    if columns.EMAIL not in meanings:
        place = columns.by_content([record for record in first if record is not at])
        if place is not None and place < len(meanings):
            meanings[place] = columns.EMAIL
    line = at.line if at else 0
    return replace(layout, heading=line, names=tuple(names), meanings=tuple(meanings))


def _heading(first: list[Record], wanted: bool | None) -> Record | None:
    """The record that names the columns: the one that names the address, otherwise the first one without an
    address.
    """
    if wanted is False:
        return None
    for record in first[:_HEADING_WITHIN]:
        if columns.EMAIL in columns.by_name(record.cells):
            return record
    if wanted or not any(columns.has_address(cell) for cell in first[0].cells):
        return first[0]
    return None
