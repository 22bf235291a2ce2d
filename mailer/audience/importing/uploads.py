"""Files that people upload: stored, previewed, corrected and queued."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mailer.audience import tasks
from mailer.audience.importing import check_columns, make_attributes, with_attributes
from mailer.audience.importing.layout import Layout, detect, records
from mailer.audience.importing.records import CannotRead, Refused, shown
from mailer.audience.importing.rows import Row, RowReader
from mailer.models import ClientGroup, ClientImport
from mailer.models.attribute import kinds_of
from people.models import User
from site_config.queue import after_commit

PREVIEWED = 10
MANY = 200  # lines, above which the owner must say where the people come from
KEEP = timedelta(days=30)  # the refused lines
KEEP_DRAFTS = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Previewed:
    """What one line of a file would become: a row, or the reason why not."""

    line: int
    cells: list[str]
    row: Row | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What an owner decides before an import begins."""

    layout: Layout
    known: str = ClientImport.Known.UPDATE
    group: ClientGroup | None = None
    origin: str = ""
    origin_note: str = ""
    consent_on: date | None = None


def keep(*, owner: User, pieces: Iterable[bytes], name: str, stop_all: str = "") -> ClientImport:
    """Store an upload and guess how to read it; raises CannotRead if it is not a list, and then stores
    nothing.
    """
    upload = ClientImport(owner=owner, file_name=shown(name)[:200] or "–", to_stop_list=stop_all)
    settings.IMPORT_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with upload.path.open("xb") as stored:
            for piece in pieces:
                stored.write(piece)
            upload.size = stored.tell()
        with upload.path.open("rb") as stored:
            upload.layout = with_attributes(detect(stored), kinds_of(owner)).as_json()
        upload.save()
    except BaseException:
        upload.path.unlink(missing_ok=True)
        raise
    return upload


def layout_of(upload: ClientImport) -> Layout:
    return Layout.from_json(upload.layout)


def read_again(*, upload: ClientImport, encoding: str, delimiter: str, heading: bool | None) -> Layout:
    """Guess again, with corrections; raises CannotRead."""
    with _open(upload) as file:
        layout = detect(file, encoding=encoding, delimiter=delimiter, heading=heading)
    layout = with_attributes(layout, kinds_of(upload.owner))
    upload.layout = layout.as_json()
    ClientImport.objects.filter(pk=upload.pk, status=ClientImport.Status.DRAFT).update(layout=upload.layout)
    return layout


def preview(*, upload: ClientImport, layout: Layout) -> list[Previewed]:
    """How the first lines are read; raises CannotRead."""
    reader = RowReader(layout.meanings, stop_all=upload.to_stop_list)
    found = []
    with _open(upload) as file:
        for record in islice(records(file, layout), PREVIEWED):
            row, why = None, ""
            try:
                row = reader.read(record)
            except ValidationError as error:
                why = " ".join(error.messages)
            found.append(Previewed(line=record.line, cells=record.cells, row=row, why=why))
    return found


def refused_lines(upload: ClientImport) -> list[Refused]:
    """The first lines that were left out, once no more come."""
    if upload.is_alive or not upload.refused_bytes or not upload.refused_path.exists():
        return []
    with upload.refused_path.open(encoding="utf-8-sig", newline="") as file:
        rows = islice(csv.reader(file), 1, 1 + PREVIEWED)
        return [Refused(int(line), email, why) for line, email, why in rows]


def is_large(*, upload: ClientImport, layout: Layout) -> bool:
    """Whether it has so many lines that its owner must say where the people come from."""
    with _open(upload) as file:
        return next(islice(records(file, layout), MANY, None), None) is not None


def start(*, upload: ClientImport, choice: Choice) -> bool:
    """Queue a draft; False if it was started before. Raises CannotRead if no column holds addresses."""
    check_columns(choice.layout)
    with transaction.atomic():
        make_attributes(owner=upload.owner, layout=choice.layout)
        drafts = ClientImport.objects.filter(pk=upload.pk, status=ClientImport.Status.DRAFT)
        started = drafts.update(
            status=ClientImport.Status.QUEUED,
            layout=choice.layout.as_json(),
            known=choice.known,
            group=choice.group,
            origin=choice.origin,
            origin_note=choice.origin_note,
            consent_on=choice.consent_on,
            alive_at=timezone.now(),
        )
        if started:
            after_commit(lambda: tasks.run_import(upload.pk))
    return bool(started)


def stop(*, upload: ClientImport) -> bool:
    """End an import early; what was imported stays. False if there is nothing to stop."""
    going = (ClientImport.Status.QUEUED, ClientImport.Status.RUNNING)
    stopped = ClientImport.objects.filter(pk=upload.pk, status__in=going).update(
        status=ClientImport.Status.STOPPED, finished_at=timezone.now()
    )
    if stopped:
        upload.path.unlink(missing_ok=True)  # a worker that is reading it finishes its batch
    return bool(stopped)


def take_back(*, upload: ClientImport) -> bool:
    """Queue the removal of the clients that a finished import made; False if it is not finished."""
    with transaction.atomic():
        ended = ClientImport.objects.filter(pk=upload.pk, status__in=ClientImport.ENDED)
        begun = ended.update(status=ClientImport.Status.RETRACTING, alive_at=None)
        if begun:
            after_commit(lambda: tasks.retract_import(upload.pk))
    return bool(begun)


def forget_files() -> int:
    """Delete uploads that are no longer needed, drafts never started, and what deleted users left."""
    now = timezone.now()
    drafts = ClientImport.objects.filter(status=ClientImport.Status.DRAFT, created_at__lt=now - KEEP_DRAFTS)
    ended = ClientImport.objects.exclude(status__in=(ClientImport.Status.DRAFT, *ClientImport.ALIVE))
    old = ended.filter(created_at__lt=now - KEEP)
    removed = _unlink(drafts) + _unlink(old.iterator()) + _unlink_orphans(now - KEEP_DRAFTS)
    drafts.delete()
    return removed


def _unlink_orphans(before: datetime) -> int:
    """Delete files whose import was deleted with its user, except very new ones, which may be in progress."""
    removed = 0
    for path in settings.IMPORT_DIR.glob("*"):
        try:
            key = UUID(path.name.partition(".")[0])
        except ValueError:
            continue
        young = datetime.fromtimestamp(path.stat().st_mtime, UTC) > before
        if not young and not ClientImport.objects.filter(form_key=key).exists():
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _unlink(uploads: Iterable[ClientImport]) -> int:
    removed = 0
    for upload in uploads:
        for path in (upload.path, upload.refused_path):
            if path.exists():
                path.unlink()
                removed += 1
    return removed


def _open(upload: ClientImport) -> BinaryIO:
    try:
        return upload.path.open("rb")
    except OSError as error:
        raise CannotRead(_("The file is gone. Upload it again.")) from error
