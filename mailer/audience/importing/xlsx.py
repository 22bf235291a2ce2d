"""Excel workbooks (ECMA-376): the first sheet, by expat over the zip, in constant memory."""

import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile

from django.utils.translation import gettext as _

from mailer.audience.importing.records import LONGEST_LINE, MOST_COLUMNS, CannotRead, Record
from mailer.audience.importing.xlsx_dates import DateStyles, as_date
from mailer.audience.importing.xlsx_strings import SharedStrings, unescape
from mailer.audience.importing.xlsx_xml import damaged, local, new_parser, parse

LARGEST_PART = 1 << 30  # bytes, unpacked: a sheet of a million rows and twenty columns
SMALL_PART = 8 << 20  # of the parts that describe the workbook
MOST_PARTS = 10_000
_CHUNK = 1 << 16
_COLUMN = re.compile(r"[A-Z]{1,3}")


class Workbook:
    """An open workbook; raises CannotRead if it is not one, or is too large."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        try:
            self._zip = ZipFile(file)
            if len(self._zip.infolist()) > MOST_PARTS:
                raise CannotRead(_("This workbook has too many parts."))
        except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise CannotRead(damaged()) from error
        self._names = {info.filename.lstrip("/").lower(): info.filename for info in self._zip.infolist()}
        if "xl/workbook.xml" not in self._names:
            raise CannotRead(
                _("It is a zip file, not an Excel workbook. Unpack it and upload what is in it.")
            )

    def records(self) -> Iterator[Record]:
        """The non-empty rows of the first sheet; dates as 2026-05-31, formulas as their results."""
        sheet, dates_1904 = self._first_sheet()
        styles = DateStyles()
        for chunk in self._part("xl/styles.xml", SMALL_PART):
            styles.feed(chunk)
        strings = SharedStrings(self._part("xl/sharedstrings.xml", LARGEST_PART))
        try:
            reader = _Sheet(strings, styles, dates_1904)
            for chunk in self._part(sheet, LARGEST_PART):
                yield from reader.feed(chunk)
        finally:
            strings.close()

    def _first_sheet(self) -> tuple[str, bool]:
        relation, epoch = "", False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal relation, epoch
            tag = local(name)
            if tag == "sheet" and not relation and attributes.get("state", "visible") == "visible":
                relation = next((value for key, value in attributes.items() if local(key) == "id"), "")
            elif tag == "workbookPr":
                epoch = attributes.get("date1904") in ("1", "true")

        self._parse("xl/workbook.xml", start)
        targets: dict[str, str] = {}

        def relate(name: str, attributes: dict[str, str]) -> None:
            if local(name) == "Relationship":
                targets[attributes.get("Id", "")] = attributes.get("Target", "")

        self._parse("xl/_rels/workbook.xml.rels", relate)
        target = targets.get(relation, "worksheets/sheet1.xml").lower()
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if path not in self._names:
            raise CannotRead(_("This workbook has no sheet."))
        return path, epoch

    def _parse(self, part: str, start: Any) -> None:
        parser = new_parser()
        parser.StartElementHandler = start
        for chunk in self._part(part, SMALL_PART):
            parse(parser, chunk)

    def _part(self, name: str, limit: int) -> Iterator[bytes]:
        """Unpack a part piece by piece, up to its limit; nothing if it is missing."""
        stored = self._names.get(name.lower())
        if stored is None:
            return
        size = 0
        try:
            with self._zip.open(stored) as part:
                while chunk := part.read(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise CannotRead(_("This workbook is too large once unpacked. Save it as CSV."))
                    yield chunk
        except (BadZipFile, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
            raise CannotRead(
                _("This workbook cannot be read: the file is damaged, or locked with a password.")
            ) from error


class _Sheet:
    """The rows of a sheet, as its XML is fed."""

    def __init__(self, strings: SharedStrings, styles: DateStyles, dates_1904: bool) -> None:
        self._strings, self._styles, self._dates_1904 = strings, styles, dates_1904
        self._parser = new_parser()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._rows: list[Record] = []
        self._number, self._cells, self._problem = 0, [""] * 0, ""
        self._at, self._kind, self._style = 0, "n", ""
        self._text: list[str] = []
        self._size = 0
        self._formula = ""

    def feed(self, chunk: bytes) -> list[Record]:
        self._rows = []
        parse(self._parser, chunk)
        return self._rows

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = local(tag)
        if tag == "c":
            match = _COLUMN.match(attributes.get("r", ""))
            self._at = column_number(match[0]) if match else len(self._cells)
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._text, self._formula = [], ""
        elif tag in ("v", "t", "f"):
            self._parser.CharacterDataHandler = self._letters
            if tag != "t":
                self._text = []
        elif tag == "row":
            number = attributes.get("r", "")
            self._number = int(number) if number.isdecimal() and len(number) < 9 else self._number + 1
            self._cells, self._problem, self._size = [], "", 0
        elif tag == "rPh":  # phonetic guides
            self._parser.CharacterDataHandler = None

    def _letters(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST_LINE:
            self._problem = self._problem or _("This line is too long: over %d characters.") % LONGEST_LINE
        else:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        tag = local(tag)
        if tag in ("v", "t", "f"):
            self._parser.CharacterDataHandler = None
            if tag == "f":
                self._formula, self._text = "=" + "".join(self._text), []
        elif tag == "c":
            self._put(self._value())
        elif tag == "row" and any(self._cells):
            self._rows.append(Record(self._number, self._cells, self._problem))

    def _put(self, value: str) -> None:
        if self._at >= MOST_COLUMNS:
            if value:
                self._problem = _("This line has more than %d columns.") % MOST_COLUMNS
            return
        if self._at >= len(self._cells):
            self._cells.extend([""] * (self._at - len(self._cells)))
            self._cells.append(value)
        else:
            self._cells[self._at] = value

    def _value(self) -> str:
        text = "".join(self._text)
        if self._kind == "s":
            return self._strings[int(text)] if text.isdecimal() and len(text) < 10 else ""
        if self._kind in ("str", "inlineStr"):
            return unescape(text).strip() or self._formula
        if self._kind == "b":
            return {"1": "true", "0": "false"}.get(text, text)
        if self._kind == "n" and text and self._styles.is_date(self._style):
            return as_date(text, dates_1904=self._dates_1904)
        return text.strip() or self._formula


def column_number(letters: str) -> int:
    """0 for A, 26 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
