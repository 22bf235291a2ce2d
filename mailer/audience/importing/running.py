"""Uploaded files, imported by the consumer: in short transactions, with progress, stoppable and resumable."""

import csv
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from mailer import notices
from mailer.audience import tasks
from mailer.audience.exporting import harmless
from mailer.audience.importing import Callbacks, Imported, Stopped, take_in
from mailer.audience.importing.records import CannotRead, Refused
from mailer.audience.importing.uploads import layout_of
from mailer.audience.importing.writing import Writer
from mailer.models import Client, ClientImport, Delivery
from site_config import connections
from site_config.shutdown import STOPPING

LEASE = timedelta(minutes=2)  # without a sign of life, another worker goes on
AT_ONCE = 2  # imports in all: sending needs workers as well
RETRACTED_AT_ONCE = 500  # clients per transaction
Status = ClientImport.Status
log = logging.getLogger(__name__)


def run_import(import_id: int) -> None:
    """Import an upload, or go on with one whose worker is gone; safe to call at any time."""
    upload = _claim(import_id, Status.QUEUED, Status.RUNNING)
    if upload is None:
        return
    with translation.override(upload.owner.language or None):
        try:
            imported = _take_in(upload)
        except CannotRead as error:
            _end(upload, Status.FAILED, problem=str(error))
        except (IntegrityError, ValidationError):
            _end(
                upload,
                Status.FAILED,
                problem=_("The group has been deleted in the meantime. What was imported stays."),
            )
        except OSError:
            log.exception("Import %s: its file cannot be used", import_id)
            _end(upload, Status.FAILED, problem=_("The file is gone. Upload it again."))
        except Exception:
            log.exception("Import %s failed", import_id)
            problem = _("Something went wrong on our side, and we have been notified.")
            _end(upload, Status.FAILED, problem=problem)
        else:
            if not imported.stopped:
                _end(upload, Status.FINISHED)
            elif STOPPING.is_set():  # this process ends: another goes on
                _mine(upload).update(status=Status.QUEUED, alive_at=None)


def _take_in(upload: ClientImport) -> Imported:
    imported = Imported(**{name: getattr(upload, name) for name in ClientImport.COUNTS})
    writer = Writer(owner=upload.owner, group=upload.group, known=upload.known, source=upload.pk)
    with upload.path.open("rb") as file, _refused_lines(upload) as refused:

        def note(line: Refused) -> None:
            refused.write([line.line, harmless(line.email), line.why])

        def record(counted: Imported) -> None:
            """In the transaction of the batch: both are stored, or neither."""
            now = timezone.now()
            known = {name: getattr(counted, name) for name in ClientImport.COUNTS}
            upload.refused_bytes, upload.read_bytes = refused.tell(), file.tell()
            done = _mine(upload).update(
                **known, refused_bytes=upload.refused_bytes, read_bytes=upload.read_bytes, alive_at=now
            )
            if not done:  # stopped by its owner, or taken over
                raise Stopped
            upload.alive_at = now

        callbacks = Callbacks(refused=note, in_transaction=record, written=connections.release)
        take_in(
            file,
            layout_of(upload),
            writer=writer,
            imported=imported,
            callbacks=callbacks,
            stop_all=upload.to_stop_list,
        )
    return imported


def retract_import(import_id: int) -> None:
    """Remove the clients an import made, except those to whom something was sent; in short transactions."""
    upload = _claim(import_id, Status.RETRACTING, Status.RETRACTING)
    if upload is None:
        return
    mailed = Delivery.objects.filter(client_id=OuterRef("pk"))
    made = Client.objects.owned_by(upload.owner).filter(imported_in=upload).order_by()
    removed = upload.retracted
    while not STOPPING.is_set():
        with transaction.atomic():
            # Locked, so that a run that opens meanwhile either has its deliveries seen here or does not find
            # the client.
            batch = made.filter(~Exists(mailed)).select_for_update(of=("self",))[:RETRACTED_AT_ONCE]
            keys = [client.pk for client in batch]
            _all, deleted = Client.objects.filter(pk__in=keys).filter(~Exists(mailed)).delete()
            removed += deleted.get(Client._meta.label, 0)
            now = timezone.now()
            if not _mine(upload).update(retracted=removed, alive_at=now):
                return
            upload.alive_at = now
        if not keys:
            kept = made.count()
            _mine(upload).update(status=Status.RETRACTED, kept=kept, finished_at=now)
            return
    _mine(upload).update(alive_at=None)


def waiting() -> list[tuple[int, bool]]:
    """What no worker is processing: the imports to go on with, and whether each is to be undone."""
    silent = Q(alive_at__isnull=True) | Q(alive_at__lt=timezone.now() - LEASE)
    late = Q(status=Status.QUEUED, alive_at__lt=timezone.now() - timedelta(seconds=30))
    found = ClientImport.objects.alive().filter(silent | late, owner__is_active=True).order_by("pk")
    return [(pk, status == Status.RETRACTING) for pk, status in found.values_list("pk", "status")]


def resume() -> None:
    """Queue what no worker is processing."""
    for import_id, is_retracted in waiting():
        (tasks.retract_import if is_retracted else tasks.run_import)(import_id)


def _claim(import_id: int, fresh: str, going_on: str) -> ClientImport | None:
    """Claim an import for this worker, if no other has it and not too many are running."""
    now = timezone.now()
    silent = Q(alive_at__isnull=True) | Q(alive_at__lt=now - LEASE)
    going = ClientImport.objects.filter(status=Status.RUNNING, alive_at__gte=now - LEASE)
    if going.exclude(pk=import_id).count() >= AT_ONCE:
        return None  # the sweep tries again
    free = silent & Q(status=going_on)
    if fresh != going_on:
        free |= Q(status=fresh)
    claimed = ClientImport.objects.filter(free, pk=import_id, owner__is_active=True).update(
        status=going_on, alive_at=now, started_at=now
    )
    return ClientImport.objects.select_related("owner", "group").get(pk=import_id) if claimed else None


def _mine(upload: ClientImport) -> Any:
    """The row, as long as this worker has the import."""
    return ClientImport.objects.filter(
        pk=upload.pk, status=upload.status, alive_at=upload.alive_at, owner__is_active=True
    )


def _end(upload: ClientImport, status: str, *, problem: str = "") -> None:
    if _mine(upload).update(status=status, problem=problem, finished_at=timezone.now()):
        upload.path.unlink(missing_ok=True)
        _notify(upload, problem)


def _notify(upload: ClientImport, problem: str) -> None:
    """Notify the uploader how it ended; the row is read again, because its counts have changed."""
    done = ClientImport.objects.select_related("owner").get(pk=upload.pk)
    with translation.override(done.owner.language or settings.LANGUAGE_CODE):
        outcome = problem or _("%(created)s new, %(changed)s changed, %(refused)s left out.") % {
            name: getattr(done, name) for name in ClientImport.COUNTS
        }
    notices.import_done(done.owner, import_id=done.pk, file=done.file_name, outcome=str(outcome))


class _Lines:
    """The file of refused lines; what was written after the last recorded progress is overwritten."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._text = io.StringIO()
        self._writer = csv.writer(self._text)

    def write(self, cells: list[Any]) -> None:
        self._writer.writerow(cells)
        self._file.write(self._text.getvalue().encode(errors="replace"))
        self._text.seek(0)
        self._text.truncate()

    def tell(self) -> int:
        self._file.flush()
        return int(self._file.tell())


@contextmanager
def _refused_lines(upload: ClientImport) -> Iterator[_Lines]:
    path = upload.refused_path
    path.touch(mode=0o600)
    with path.open("r+b") as file:
        file.truncate(upload.refused_bytes)
        file.seek(upload.refused_bytes)
        lines = _Lines(file)
        if not upload.refused_bytes:
            file.write(b"\xef\xbb\xbf")
            lines.write([_("line"), _("value"), _("reason")])
        yield lines
