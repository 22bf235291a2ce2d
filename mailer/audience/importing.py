"""Clients from a file: CSV (RFC 4180) as spreadsheets and other mailing services write it."""

import csv
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import BinaryIO, NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db import IntegrityError, transaction

from mailer.audience.membership import add_batch
from mailer.models import Client, ClientGroup
from people.addresses import key_of
from people.models import User
from site_config.shutdown import STOPPING

BATCH = 500  # rows written at once
EXAMPLES = 100  # refused lines that are remembered
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
COLUMNS = {
    "email": ("email", "e mail", "mail", "email address", "почта", "электронная почта", "эл. почта"),
    "full_name": ("full name", "name", "имя", "полное имя", "фио"),
    "first_name": ("first name",),
    "last_name": ("last name", "surname", "фамилия"),
    "comment": ("comment", "comments", "note", "notes", "комментарий"),
}
_MEANING = {name: column for column, names in COLUMNS.items() for name in names}
_no_null = ProhibitNullCharactersValidator()
_short = MaxLengthValidator(Client.comment.field.max_length)  # which only forms look at


class CannotRead(Exception):
    """The file as a whole is of no use; str(error) says why and where. Nothing of it was imported."""


class Refused(NamedTuple):
    """A line that was left out."""

    line: int
    email: str
    why: str


@dataclass(kw_only=True)
class Imported:
    """What became of the lines of a file, headings and empty lines not counted."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0  # lines that say more of a client of a line shortly before
    refused: int = 0
    stopped: bool = False  # before the end
    examples: list[Refused] = field(default_factory=list)  # of the refused, the first few
    unused: list[str] = field(default_factory=list)  # columns that nothing is made of

    @property
    def lines(self) -> int:
        return self.created + self.changed + self.unchanged + self.repeated + self.refused


class _Row(NamedTuple):
    email: str
    full_name: str
    comment: str


def import_clients(
    file: BinaryIO,
    *,
    owner: User,
    group: str = "",
    encoding: str = "utf-8",
    on_progress: Callable[[], None] = lambda: None,
) -> Imported:
    """Add the clients of a seekable file to the owner's; CannotRead if it is no such file.

    The first line names the columns (COLUMNS); only the address is needed. A client who is there
    already, by the address without regard to case, gets the name and the comment of the file where it
    has them. A line that cannot be taken is left out and told. `group`: the name of a group to put all
    of them into, made if it is new.

    The file is read to its end before anything is written, and then written in batches: stopped
    half-way, the same call does the rest. LookupError if there is no such encoding, ValidationError if
    no group can have that name, IntegrityError if the clients or the group were changed meanwhile.
    """
    for _ in _records(file, encoding):
        pass
    with closing(_records(file, encoding)) as records:
        _, heading = next(records)
        place = _throttle(heading)
        into = _group(owner, group) if group else None
        unused = [_shown(name) for n, name in enumerate(heading) if n not in place.values() and name]
        imported = Imported(unused=unused)
        for batch in _batches(records, place, imported):
            _write(batch, owner, into, imported)
            on_progress()
    return imported


def _batches(
    records: Iterator[tuple[int, list[str]]], place: dict[str, int], imported: Imported
) -> Iterator[dict[str, "_Row"]]:
    """The rows by address, each only once in a batch; those that cannot be taken are noted."""
    batch: dict[str, _Row] = {}
    for line, cells in records:
        if STOPPING.is_set():
            imported.stopped = True
            return
        row = _row(cells, place)
        try:
            row = _checked(row)
        except ValidationError as error:
            imported.refused += 1
            if len(imported.examples) < EXAMPLES:
                imported.examples.append(Refused(line, _shown(row.email), " ".join(error.messages)))
            continue
        key = key_of(row.email)
        if key in batch:
            imported.repeated += 1
            before = batch[key]
            row = _Row(before.email, row.full_name or before.full_name, row.comment or before.comment)
        elif len(batch) >= BATCH:
            yield batch
            batch = {}
        batch[key] = row
    if batch:
        yield batch


def _records(file: BinaryIO, encoding: str) -> Generator[tuple[int, list[str]]]:
    """The records with the number of their last line, the heading first; empty ones are left out."""
    file.seek(0)
    if file.read(2) in UTF_16:
        encoding = "utf-16"
    elif encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    file.seek(0)
    text = TextIOWrapper(file, encoding=encoding, newline="")
    number, empty = 0, True
    try:
        first = text.readline(1_000_000)
        text.seek(0)
        reader = csv.reader(text, delimiter=max(",;\t", key=first.count), strict=True)
        for cells in reader:
            number = reader.line_num
            if any(cell.strip() for cell in cells):
                empty = False
                yield number, [cell.strip() for cell in cells]
    except UnicodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise CannotRead(f"It is not {name}. Save it as CSV in UTF-8, or name its encoding.") from error
    except csv.Error as error:
        raise CannotRead(f"After line {number} it cannot be read: {error}.") from error
    finally:
        text.detach()
    if empty:
        raise CannotRead("It is empty.")


def _throttle(heading: list[str]) -> dict[str, int]:
    """Which column stands where; of two of a kind the first."""
    place: dict[str, int] = {}
    for number, name in enumerate(heading):
        meaning = _MEANING.get(" ".join(re.split(r"[\s_-]+", name.lower())))
        if meaning:
            place.setdefault(meaning, number)
    if "email" not in place:
        found = ", ".join(f"“{_shown(name)}”" for name in heading[:10])
        raise CannotRead(f"Its first line names no column “email”, but {found}.")
    return place


def _shown(text: str) -> str:
    """A piece of the file that is safe to print, wherever that may be."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:100])


def _group(owner: User, name: str) -> ClientGroup:
    group = ClientGroup.objects.owned_by(owner).filter(name__iexact=name.strip()).first()
    if group is None:
        group = ClientGroup(owner=owner, name=name.strip())
        group.full_clean()
        group.save()
    return group


def _row(cells: list[str], place: dict[str, int]) -> _Row:
    def cell(name: str) -> str:
        at = place.get(name, len(cells))
        return cells[at] if at < len(cells) else ""

    first = cell("full_name") or cell("first_name")
    last = cell("last_name")
    # “Name” may be the whole name, or what a column “Surname” goes on with.
    whole = not last or (cell("full_name") and ("first_name" in place or last in first.split()))
    name = first if whole else f"{first} {last}"
    return _Row(cell("email"), " ".join(name.split()), cell("comment"))


def _checked(row: _Row) -> _Row:
    """The row with its address in its one spelling; ValidationError if the form would not take it."""
    for value in row:
        _no_null(value)
    _short(row.comment)
    client = Client(**row._asdict())
    client.clean_fields(exclude={"owner"})
    return row._replace(email=client.email)


def _write(batch: dict[str, _Row], owner: User, group: ClientGroup | None, imported: Imported) -> None:
    with transaction.atomic():
        same = Client.objects.owned_by(owner).filter(address_key__in=list(batch))
        # In no order: for the usual one SQLite would read all of the owner's clients, for every batch.
        there = {client.address_key: client for client in same.order_by()}
        created, changed = [], []
        for key, row in batch.items():
            client = there.get(key)
            if client is None:
                created.append(Client(owner=owner, **row._asdict()))
                continue
            name, comment = row.full_name or client.full_name, row.comment or client.comment
            if (name, comment) != (client.full_name, client.comment):
                client.full_name, client.comment = name, comment
                changed.append(client)
        Client.objects.bulk_create(created)
        Client.objects.bulk_update(changed, ["full_name", "comment"])
        if group and not add_batch(group=group, clients=[*there.values(), *created]):
            raise IntegrityError("The group is gone.")
    imported.created += len(created)
    imported.changed += len(changed)
    imported.unchanged += len(batch) - len(created) - len(changed)
