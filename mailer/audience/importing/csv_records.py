"""CSV (RFC 4180) as spreadsheets and other mailing services write it.

Read line by line: a misplaced quotation mark spoils only its own line.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _

from mailer.audience.importing.records import LONGEST_LINE, MOST_COLUMNS, Record
from mailer.audience.importing.text_lines import Line, lines

DELIMITERS = (",", ";", "\t", "|")
_MOST_LINES = 50  # of one record


def records(file: BinaryIO, *, encoding: str, delimiter: str) -> Iterator[Record]:
    """The records that are not empty; one of several lines has the number of its last line."""
    ahead: deque[Line] = deque()
    source = lines(file, encoding)
    width = 0
    while line := (ahead.popleft() if ahead else next(source, None)):
        if line.problem:
            yield Record(line.number, [line.text[:100]], line.problem)
            continue
        if '"' in line.text:
            record = _quoted(line, source, ahead, delimiter, width)
        else:
            record = _plain(line, delimiter)
        if any(record.cells):
            if len(record.cells) > MOST_COLUMNS:
                too_many = _("This line has more than %d columns.") % MOST_COLUMNS
                record = Record(record.line, record.cells[:MOST_COLUMNS], too_many)
            width = width or (0 if record.problem else len(record.cells))
            yield record


def _plain(line: Line, delimiter: str) -> Record:
    return Record(line.number, [cell.strip() for cell in line.text.rstrip("\r\n").split(delimiter)])


def _quoted(line: Line, source: Iterator[Line], ahead: deque[Line], delimiter: str, width: int) -> Record:
    """A line with quotation marks, and the lines it continues on."""
    cells = _parse(line.text, delimiter)
    if cells is not None:
        return Record(line.number, cells)
    taken = 0
    whole = line.text
    is_open = _is_open(whole, delimiter)
    while is_open and taken < _MOST_LINES and len(whole) < LONGEST_LINE:
        if taken == len(ahead):
            if (more := next(source, None)) is None:
                break
            ahead.append(more)
        following = ahead[taken]
        taken += 1
        if following.problem or _stands_alone(following.text, delimiter, width):
            break
        whole += following.text
        if '"' not in following.text:
            continue
        cells = _parse(whole, delimiter)
        if cells is not None:
            for _line in range(taken):
                ahead.popleft()
            return Record(following.number, cells)
        is_open = _is_open(whole, delimiter)
    cells = [cell.strip(' "\r\n') for cell in line.text.split(delimiter)]
    return Record(line.number, cells, _("A quotation mark in this line is out of place."))


def _parse(text: str, delimiter: str) -> list[str] | None:
    """The cells of one complete record, or None if its quotation marks do not match."""
    try:
        found = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return [cell.strip() for cell in found[0]] if len(found) == 1 else None


def _is_open(text: str, delimiter: str) -> bool:
    """Whether its last quotation mark opens something that is not closed yet."""
    try:
        list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _stands_alone(text: str, delimiter: str, width: int) -> bool:
    """Whether it is a complete record with an address, and so not the middle of a quoted text."""
    if width < 2 or "@" not in text:
        return False
    cells = _parse(text, delimiter)
    return cells is not None and len(cells) == width and any(_like_address(cell) for cell in cells)


def _like_address(cell: str) -> bool:
    local, _at, domain = cell.partition("@")
    return bool(local) and "." in domain and " " not in cell and '"' not in cell
