"""Makes an owner's archive: one ZIP of CSV files and messages, written piece by piece to disk."""

import logging
import zipfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from mailer import notices, tasks
from mailer.audience.exporting import (
    CLIENT_COLUMNS,
    CONSENT_COLUMNS,
    OPT_OUT_COLUMNS,
    STOP_COLUMNS,
    by_key,
    client_rows,
    consent_rows,
    opt_out_rows,
    stop_rows,
    stream,
    written,
)
from mailer.audience.rules import members_of
from mailer.models import (
    Archive,
    Attempt,
    Client,
    ClientGroup,
    Consent,
    Mailing,
    Message,
    OptOut,
    Suppression,
)
from mailer.models.attribute import kinds_of
from mailer.reporting.exporting import ATTEMPT_COLUMNS, DELIVERY_COLUMNS, attempt_rows, delivery_rows
from people.models import User
from site_config import connections
from site_config.queue import after_commit
from site_config.shutdown import STOPPING

SILENT = timedelta(minutes=10)  # without a sign of life, another worker starts again
Status = Archive.Status
log = logging.getLogger(__name__)
Rows = Iterable[tuple[str, ...]]


class _Gone(Exception):
    """The archive is no longer wanted, or this process ends."""


def ask(owner: User) -> Archive:
    """The archive being made for an owner, or a new one; it replaces the previous one when it is ready."""
    with transaction.atomic():
        User.objects.select_for_update().filter(pk=owner.pk).first()
        archive = Archive.objects.owned_by(owner).alive().first()
        if archive is None:
            archive = Archive.objects.create(owner=owner)
            new = archive.pk
            after_commit(lambda: tasks.make_archive(new))
    return archive


def make(archive_id: int) -> None:
    """Write the file; safe to call again, which starts over if its worker is gone."""
    now = timezone.now()
    free = Q(status=Status.QUEUED) | Q(status=Status.RUNNING, alive_at__lt=now - SILENT)
    claimed = Archive.objects.filter(free, pk=archive_id, owner__is_active=True)
    if not claimed.update(status=Status.RUNNING, alive_at=now):
        return
    archive = Archive.objects.select_related("owner").get(pk=archive_id)
    settings.ARCHIVE_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = archive.path.with_suffix(f".{now:%H%M%S%f}.part")
    try:
        part.touch(mode=0o600)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for name, pieces in _files(archive.owner):
                with packed.open(name, "w", force_zip64=True) as file:
                    for piece in pieces:
                        file.write(piece)
                        _go_on(archive)
        part.replace(archive.path)
        _ready(archive)
    except _Gone:
        Archive.objects.filter(pk=archive.pk, status=Status.RUNNING).update(status=Status.QUEUED)
    except Exception:
        log.exception("Archive %s could not be made", archive_id)
        Archive.objects.filter(pk=archive.pk).update(status=Status.FAILED, finished_at=timezone.now())
    finally:
        part.unlink(missing_ok=True)


def _go_on(archive: Archive) -> None:
    """Report now and then that a worker is on it; raises _Gone if it is no longer wanted."""
    now = timezone.now()
    if STOPPING.is_set():
        raise _Gone
    if now - archive.alive_at < timedelta(seconds=5):
        return
    archive.alive_at = now
    connections.release()
    if not Archive.objects.filter(pk=archive.pk, status=Status.RUNNING).update(alive_at=now):
        raise _Gone


def _ready(archive: Archive) -> None:
    now = timezone.now()
    done = Archive.objects.filter(pk=archive.pk, status=Status.RUNNING)
    if not done.update(status=Status.READY, size=archive.path.stat().st_size, finished_at=now):
        archive.path.unlink(missing_ok=True)  # somebody was forgotten meanwhile
        return
    earlier = Archive.objects.owned_by(archive.owner).filter(pk__lt=archive.pk)
    for old in earlier:
        old.path.unlink(missing_ok=True)
    earlier.delete()
    notices.archive_ready(archive.owner, archive_id=archive.pk)


def _files(owner: User) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The name and the pieces of each file in turn."""
    keys = tuple(kinds_of(owner))
    clients = Client.objects.owned_by(owner)
    yield "clients.csv", _csv(client_rows(clients, keys), (*CLIENT_COLUMNS, *keys))
    yield "stop-list.csv", _csv(stop_rows(Suppression.objects.owned_by(owner)), STOP_COLUMNS)
    yield "left-one-mailing.csv", _csv(opt_out_rows(OptOut.objects.owned_by(owner)), OPT_OUT_COLUMNS)
    consents = Consent.objects.filter(client__owner=owner)
    yield "consents.csv", _csv(consent_rows(consents), CONSENT_COLUMNS)
    yield "groups.csv", _csv(_groups(owner), ("group", "email"))
    yield "messages.csv", _csv(_messages(owner), ("id", "subject", "format", "created"))
    for message in Message.objects.owned_by(owner).order_by("pk").iterator(chunk_size=100):
        kind = "txt" if message.format == "text" else "html"
        yield f"messages/{message.pk}.{kind}", [message.body.encode()]
    yield "mailings.csv", _csv(_mailings(owner), MAILING_COLUMNS)
    runs = Attempt.objects.owned_by(owner)
    yield "runs.csv", _csv(attempt_rows(runs, seen_by=owner), ATTEMPT_COLUMNS)
    for pk in list(runs.order_by("pk").values_list("pk", flat=True)):
        attempt = Attempt.objects.filter(pk=pk).first()
        if attempt:
            yield f"runs/{pk}.csv", _csv(delivery_rows(attempt.deliveries.all().bounded()), DELIVERY_COLUMNS)


MAILING_COLUMNS = ("name", "message", "period", "start", "end", "time_zone", "status", "groups")


def _csv(rows: Rows, columns: tuple[str, ...]) -> Iterable[bytes]:
    return stream(rows, columns=columns, kind="csv")


def _groups(owner: User) -> Iterator[tuple[str, ...]]:
    for group in ClientGroup.objects.owned_by(owner).select_related("owner"):
        for (email,) in by_key(members_of(group), "email"):
            yield group.name, email


def _messages(owner: User) -> Iterator[tuple[str, ...]]:
    fields: Any = by_key(Message.objects.owned_by(owner), "pk", "subject", "format", "created_at")
    for pk, subject, kind, created in fields:
        yield str(pk), subject, kind, written(created)


def _mailings(owner: User) -> Iterator[tuple[str, ...]]:
    rows = Mailing.objects.owned_by(owner).select_related("message").prefetch_related("groups")
    for mailing in rows.order_by("pk").iterator(chunk_size=500):
        groups = "; ".join(group.name for group in mailing.groups.all())
        yield (
            mailing.name, mailing.message.subject, mailing.period, written(mailing.starts_at),
            written(mailing.ends_at), mailing.time_zone, mailing.state, groups,
        )  # fmt: skip


def resume() -> None:
    """Queue the archives that no worker is making."""
    silent = Archive.objects.alive().filter(alive_at__lt=timezone.now() - SILENT, owner__is_active=True)
    for pk in silent.values_list("pk", flat=True):
        tasks.make_archive(pk)
