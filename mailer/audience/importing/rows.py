"""From the cells of a line to a client, an entry of the stop-list, or the reason why neither."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.utils.translation import gettext as _

from mailer.audience.exporting import formulas
from mailer.audience.importing import columns
from mailer.audience.importing.records import Record
from mailer.audience.importing.stops import NotConfirmed, Stop, moment, stop_of
from mailer.models import Client
from mailer.models.attribute import read_value
from people.addresses import Address, key_of, parse

_no_null = ProhibitNullCharactersValidator()
LONGEST_COMMENT = Client.comment.field.max_length or 0
_short = MaxLengthValidator(LONGEST_COMMENT)  # which only forms check
_OTHER_FIELDS = {field.name for field in Client._meta.fields} - {"full_name", "comment"}
_QUOTED = formulas("'")
_NAMED = re.compile(r"([^<>]*)<\s*([^<>\s]+)\s*>")
_BETWEEN = re.compile(r"\s*(?::::|[;,\s])\s*")
_ALONE = re.compile(r"[^\s@<>\":;,]+@[^\s@<>\":;,]+")
# What certainly passes; the validators decide the rest.
_ORDINARY = re.compile(r"[^\x00-\x1f\x7f\x85\u2028\u2029]{0,150}")


@dataclass(slots=True)  # not frozen: that takes four times as long to make, a million times
class Row:
    """What a line becomes. `stop`: it is put on the stop-list, and no client unless `client` says so too."""

    email: str
    full_name: str = ""
    comment: str = ""
    stop: Stop | None = None
    client: bool = True
    further: tuple[str, ...] = ()  # further addresses of the same line, which are not used
    attributes: dict[str, Any] = field(default_factory=dict)
    dropped: tuple[tuple[str, str], ...] = ()  # values of the line that are not used, each with the reason
    key: str = ""  # of the address: people.addresses


class RowReader:
    """Reads lines whose columns hold these things; raises ValidationError for one that cannot be used."""

    def __init__(self, meanings: Sequence[str], *, stop_all: str = "") -> None:
        """`stop_all`: why all addresses go on the stop-list, unless a column says another reason."""
        self._stop_all = stop_all
        self._places: dict[str, list[int]] = {}
        for place, what in enumerate(meanings):
            if what:
                self._places.setdefault(what, []).append(place)
        stopping = (columns.STATUS, columns.AGREED, columns.LEFT, columns.BOUNCED, columns.COMPLAINED)
        self._stops = [what for what in (*stopping, columns.STOPPED) if what in self._places]
        names = (columns.FIRST, columns.MIDDLE, columns.LAST)
        self._parts = [what for what in names if what in self._places]
        found = {what: columns.attribute_of(what) for what in self._places}
        self._attributes = {what: known for what, known in found.items() if known}

    def read(self, record: Record) -> Row:
        if record.problem:
            raise ValidationError(record.problem)
        email, named, further = self._address(record.cells)
        stop = self._stop(record.cells) if self._stops or self._stop_all else None
        name = self._name(record.cells) or named
        comment = "\n".join(filter(None, self._all(columns.COMMENT, record.cells)))
        is_client = not self._stop_all and self._is_client(record.cells, stop)
        attributes, dropped = self._values(record.cells) if self._attributes else ({}, ())
        address = _spelled(email)
        row = Row(str(address), name, comment, stop, is_client, further, attributes, dropped, key=address.key)
        check(row)
        return row

    def email_of(self, record: Record) -> str:
        """The content of the address column, for reporting a refused line."""
        cells = [record.cells[at] for at in self._places.get(columns.EMAIL, ()) if at < len(record.cells)]
        return next((cell for cell in cells if cell), "")

    def _all(self, what: str, cells: list[str]) -> list[str]:
        found = []
        for at in self._places.get(what, ()):  # a loop takes half as long as a comprehension here
            if at < len(cells):
                cell = cells[at]
                found.append(bare(cell) if "'" in cell else cell)
        return found

    def _first(self, what: str, cells: list[str]) -> str:
        for at in self._places.get(what, ()):
            if at < len(cells) and (cell := bare(cells[at])):
                return cell
        return ""

    def _address(self, cells: list[str]) -> tuple[str, str, tuple[str, ...]]:
        """The first address of the line, a name written beside it, and the further ones."""
        found: list[str] = []
        named = first = ""
        for cell in self._all(columns.EMAIL, cells):
            first = first or cell
            if not cell or _ALONE.fullmatch(cell):
                found += [cell] if cell else []
                continue
            for address, name in split(cell):
                found.append(address)
                named = named or name
        if not found:
            return first, "", ()
        if len(found) == 1:
            return found[0], named, ()
        key = key_of(found[0])
        return found[0], named, tuple(dict.fromkeys(one for one in found[1:] if key_of(one) != key))

    def _name(self, cells: list[str]) -> str:
        whole = self._first(columns.NAME, cells)
        if not self._parts:
            return " ".join(whole.split())
        first, middle, last = (
            self._first(part, cells) for part in (columns.FIRST, columns.MIDDLE, columns.LAST)
        )
        # “Name” may be the whole name, or the first part of it if there is a column “Surname”.
        if whole and (columns.FIRST in self._places or not (last or middle) or last in whole.split()):
            return " ".join(whole.split())
        return " ".join(f"{whole or first} {middle} {last}".split())

    def _values(self, cells: list[str]) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
        """The line's attributes; a value of the wrong kind is left out, and the client is imported."""
        values: dict[str, Any] = {}
        dropped = []
        for what, (key, kind) in self._attributes.items():
            text = self._first(what, cells)
            try:
                value = read_value(kind, text)
            except ValidationError as error:
                dropped.append((text, f"{key}: {' '.join(error.messages)}"))
                continue
            if value is not None:
                values[key] = value
        return values, tuple(dropped)

    def _stop(self, cells: list[str]) -> Stop | None:
        wanted = (*self._stops, columns.LEFT_AT)
        try:
            stop = stop_of({what: self._all(what, cells) for what in wanted})
        except NotConfirmed as error:
            if not self._stop_all:
                raise ValidationError(str(error)) from error
            return Stop(self._stop_all)
        if stop is None and self._stop_all:
            stated = (moment(cell) for cell in self._all(columns.LEFT_AT, cells))
            return Stop(self._stop_all, next(filter(None, stated), None))
        return stop

    def _is_client(self, cells: list[str], stop: Stop | None) -> bool:
        """Other services list those who left; our own exports list clients who are on the stop-list."""
        if stop is None:
            return True
        return columns.STOPPED in self._places and bool(self._first(columns.STOPPED, cells))


def bare(cell: str) -> str:
    """A cell without the apostrophes that an export puts before what a spreadsheet would calculate."""
    return _QUOTED.sub("", cell) if "'" in cell else cell


def split(cell: str) -> list[tuple[str, str]]:
    """The addresses of a cell, with the name of each that has one: “Ann <a@…>”, “a@… ::: b@…”, “a@…; b@…”."""
    cell = cell.removeprefix("mailto:").strip()
    if cell.count("@") == 1:
        match = _NAMED.fullmatch(cell)
        name = match[1].strip().removeprefix('"').removesuffix('"') if match else ""
        return [(match[2], name)] if match and '"' not in name else [(cell, "")]
    parts = [part for part in _BETWEEN.split(cell) if part]
    if len(parts) > 1 and all(columns.has_address(part) for part in parts):
        return [(part.strip("<>"), "") for part in parts]
    return [(cell, "")]


def _spelled(email: str) -> Address:
    """The address in its one spelling; raises ValidationError."""
    if not email:
        raise ValidationError(_("There is no address in this line."))
    return parse(email)


def check(row: Row) -> None:
    """Raise ValidationError if the form would not accept its name or comment."""
    if len(row.comment) > LONGEST_COMMENT or "\0" in row.comment:
        _no_null(row.comment)
        _short(row.comment)
    if not _ORDINARY.fullmatch(row.full_name):
        _no_null(row.full_name)
        Client(full_name=row.full_name, comment=row.comment).clean_fields(exclude=_OTHER_FIELDS)
