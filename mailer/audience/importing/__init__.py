"""Clients from a file: CSV, Excel or vCard, as other programs and mailing services write them.

Read by: encodings → text_lines → csv_records / vcard / xlsx → layout → rows → writing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import BinaryIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from mailer.audience.attributes import define
from mailer.audience.importing import columns
from mailer.audience.importing.layout import Layout, detect, records
from mailer.audience.importing.records import CannotRead, Record, Refused, shown
from mailer.audience.importing.rows import Row, RowReader
from mailer.audience.importing.writing import BATCH, Writer, Written
from mailer.models import Attribute, ClientGroup, Forgotten
from mailer.models.attribute import key_from, kinds_of
from people.models import User
from site_config.shutdown import STOPPING

__all__ = ["CannotRead", "Imported", "Refused", "import_clients", "take_in"]

EXAMPLES = 100  # refused lines to remember
KNOWN = ("update", "fill", "skip")


@dataclass(kw_only=True)
class Imported:
    """What became of a file's lines, not counting headings and empty lines."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0  # lines that add to the client of a nearby line
    suppressed: int = 0  # lines of people who unsubscribed elsewhere: on the stop-list, not clients
    refused: int = 0
    stopped: bool = False  # before the end
    examples: list[Refused] = field(default_factory=list)  # of the refused, the first few
    unused: list[str] = field(default_factory=list)  # unused columns

    @property
    def lines(self) -> int:
        return self.created + self.changed + self.unchanged + self.repeated + self.suppressed + self.refused


class Stopped(Exception):
    """Raised by a callback: write no more. The batch in which it is raised is rolled back."""


@dataclass(kw_only=True)
class Callbacks:
    """Functions called while a file is imported."""

    refused: Callable[[Refused], None] = lambda _refused: None
    in_transaction: Callable[[Imported], None] = lambda _imported: None
    written: Callable[[], None] = lambda: None


def import_clients(
    file: BinaryIO,
    *,
    owner: User,
    group: str = "",
    encoding: str = "",
    mapping: Mapping[str, str] | None = None,
    known: str = "update",
    on_progress: Callable[[], None] = lambda: None,
) -> Imported:
    """Add the clients in a seekable file to the owner's; raises CannotRead if it cannot be read.

    Its format and its columns' meanings are detected; `encoding` and `mapping` (from names or numbers of
    columns to meanings) override that. Only the address is needed. `known`: a client who exists already, by
    the address in whatever spelling, gets the name and the comment of the file where it has them ("update"),
    where there is none yet ("fill"), or nothing ("skip"). Those who left another service go on the stop-list.
    A line that cannot be used is left out and reported. `group`: the name of a group to put all clients into,
    created if it is new.

    Written in batches: if it was stopped half-way, the same call does the rest. Raises LookupError if there
    is no such encoding, ValidationError if no group can have that name, IntegrityError if the group was
    deleted.
    """
    layout = detect(file, encoding=encoding)
    kinds = kinds_of(owner)
    layout = mapped(with_attributes(layout, kinds), as_meanings(mapping or {}, kinds))
    check_columns(layout)
    make_attributes(owner=owner, layout=layout)
    into = named_group(owner, group) if group else None
    imported = Imported(unused=unused_columns(layout))
    writer = Writer(owner=owner, group=into, known=known)
    take_in(file, layout, writer=writer, imported=imported, callbacks=Callbacks(written=on_progress))
    return imported


def take_in(
    file: BinaryIO,
    layout: Layout,
    *,
    writer: Writer,
    imported: Imported,
    callbacks: Callbacks,
    stop_all: str = "",
) -> None:
    """Read the records that `imported` does not count yet, and write them; it counts what is written.

    `stop_all`: the reason why all of them go on the stop-list.
    """
    source = islice(records(file, layout), imported.lines, None)
    reader = RowReader(layout.meanings, stop_all=stop_all)
    is_forgotten = Forgotten.objects.knows(writer.owner.pk)
    for batch, counted in _batches(source, reader, writer.known, imported, callbacks.refused, is_forgotten):

        def count(written: Written, batch: dict[str, Row] = batch, counted: Imported = counted) -> None:
            clients = sum(row.client for row in batch.values())
            imported.created = counted.created + written.created
            imported.changed = counted.changed + written.changed
            imported.unchanged = counted.unchanged + clients - written.created - written.changed
            imported.suppressed = counted.suppressed + len(batch) - clients
            callbacks.in_transaction(imported)

        try:
            writer.write(batch, also=count)
        except Stopped:
            imported.stopped = True
            return
        callbacks.written()


def _batches(
    source: Iterator[Record],
    reader: RowReader,
    known: str,
    imported: Imported,
    refused: Callable[[Refused], None],
    is_forgotten: Callable[[str], bool],
) -> Iterator[tuple[dict[str, Row], Imported]]:
    """The rows by address, each only once per batch; unusable ones are noted."""
    batch: dict[str, Row] = {}
    refused_before = imported.refused
    for record in source:
        if STOPPING.is_set():
            imported.stopped = True
            return
        if len(batch) >= BATCH or imported.refused - refused_before >= BATCH:
            yield batch, replace(imported)
            batch, refused_before = {}, imported.refused
        try:
            row = reader.read(record)
        except ValidationError as error:
            imported.refused += 1
            line = Refused(record.line, shown(reader.email_of(record)), " ".join(error.messages))
            if len(imported.examples) < EXAMPLES:
                imported.examples.append(line)
            refused(line)
            continue
        if is_forgotten(row.key):
            imported.refused += 1
            refused(Refused(record.line, "", _("This person asked to be forgotten.")))
            continue
        for address in row.further:
            refused(Refused(record.line, shown(address), _("Another address on this line: not used.")))
        for text, why in row.dropped:
            refused(Refused(record.line, shown(text), why))
        if row.key in batch:
            imported.repeated += 1
            row = _merged(batch[row.key], row, known)
        batch[row.key] = row
    yield batch, replace(imported)


def _merged(before: Row, row: Row, known: str) -> Row:
    """Two lines with the same address: the last one counts, unless existing clients are not to be changed."""
    older, newer = (before, row) if known == "update" else (row, before)
    return replace(
        before,
        full_name=newer.full_name or older.full_name,
        comment=newer.comment or older.comment,
        attributes={**older.attributes, **newer.attributes},
        stop=before.stop or row.stop,
        client=before.client or row.client,
    )


def mapped(layout: Layout, mapping: Mapping[str, str]) -> Layout:
    """A layout with meanings given for columns, by name or by number from 1; raises CannotRead."""
    meanings = list(layout.meanings)
    if columns.EMAIL in mapping.values():
        meanings = [columns.UNUSED if what == columns.EMAIL else what for what in meanings]
    keys = [columns.key(name) for name in layout.names]
    for name, what in mapping.items():
        place = None
        with suppress(ValueError):
            place = keys.index(columns.key(name))
        if place is None and name.isdecimal() and len(name) < 4:
            place = int(name) - 1
        if place is None or not 0 <= place < len(meanings):
            raise CannotRead(_("It has no column “%s”.") % shown(name))
        meanings[place] = what
    return layout.with_meanings(meanings)


def with_attributes(layout: Layout, kinds: Mapping[str, str]) -> Layout:
    """A layout in which columns named like an attribute of the owner hold it."""
    meanings = list(layout.meanings)
    for place, (name, what) in enumerate(zip(layout.names, layout.meanings, strict=True)):
        key = key_from(name) if not what else ""
        if key in kinds and columns.as_attribute(key, kinds[key]) not in meanings:
            meanings[place] = columns.as_attribute(key, kinds[key])
    return layout.with_meanings(meanings)


def as_meanings(mapping: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, str]:
    """Given meanings of columns, where “attribute:city” is enough; raises CannotRead for an unusable name."""
    meanings = {}
    for column, what in mapping.items():
        meanings[column] = what
        _word, colon, rest = what.partition(":")
        if colon:
            key, _colon, kind = rest.lower().partition(":")
            meanings[column] = columns.as_attribute(key, kind or kinds.get(key, Attribute.Kind.TEXT))
            if columns.attribute_of(meanings[column]) is None:
                raise CannotRead(_("“%s” cannot be an attribute.") % shown(rest))
    return meanings


def make_attributes(*, owner: User, layout: Layout) -> None:
    """Create the attributes that columns hold; raises CannotRead if one has another kind, or there are too
    many.
    """
    for key, kind in filter(None, map(columns.attribute_of, layout.meanings)):
        try:
            attribute = define(owner=owner, key=key, kind=kind)
        except ValidationError as error:
            raise CannotRead(" ".join(error.messages)) from error
        if attribute.kind != kind:
            text = _("The attribute “%(key)s” is of another kind: %(kind)s.")
            raise CannotRead(text % {"key": key, "kind": attribute.get_kind_display()})


def check_columns(layout: Layout) -> None:
    """Raise CannotRead if no column holds addresses."""
    if layout.has_email:
        return
    if not layout.heading:
        raise CannotRead(_("There are no addresses in its first lines."))
    found = ", ".join(f"“{name}”" for name in layout.names[:10])
    raise CannotRead(_("Its first line has no column “email”, only %s.") % found)


def unused_columns(layout: Layout) -> list[str]:
    """The names of the unused columns."""
    pairs = zip(layout.names, layout.meanings, strict=True)
    return [name for name, what in pairs if not what and name]


def named_group(owner: User, name: str) -> ClientGroup:
    """The owner's group of this name, created if it is new; raises ValidationError."""
    group = check_group_name(owner, name)
    if group is None:
        group = ClientGroup(owner=owner, name=name.strip())
        group.full_clean()
        group.save()
    return group


def check_group_name(owner: User, name: str) -> ClientGroup | None:
    """The owner's group of this name, if there is one; raises ValidationError if it can take no clients."""
    group = ClientGroup.objects.owned_by(owner).filter(name__iexact=name.strip()).first()
    if group is None:
        ClientGroup(owner=owner, name=name.strip()).clean_fields()
    elif group.rule is not None:
        raise ValidationError(
            _("The rule of “%(group)s” decides who is in it. Choose another group."), params={"group": group}
        )
    return group
