"""Removes one address from the texts in which an owner's pages, files and audit entries name it."""

import csv
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from mailer.audience import archives
from mailer.audience.importing.layout import records
from mailer.audience.importing.records import CannotRead
from mailer.audience.importing.uploads import layout_of
from mailer.models import Attempt, BulkAction, ClientGroup, ClientImport
from mailer.transport.answers import summary
from people.addresses import key_of, nearest
from people.audit import opened
from people.models import AuditEntry, Notification, User

GONE = "…"


def spellings(email: str) -> list[str]:
    """How an address may be written in a text, the longest first."""
    found = {email, key_of(email)}
    with suppress(ValidationError):
        found |= {str(nearest(email)), nearest(email).on_the_wire}
    return sorted(found, key=len, reverse=True)


def without(text: str, email: str) -> str:
    """A text with an ellipsis in place of the address, in upper or lower case."""
    return re.sub("|".join(map(re.escape, spellings(email))), GONE, text, flags=re.IGNORECASE)


def erase_texts(*, owner: User, email: str) -> None:
    """Remove an address from everything that is not a row of its own; doing it again changes nothing."""
    _attempts(owner, email)
    _imports(owner, email)
    _rules(owner, email)
    archives.remove_of(owner.pk)
    with transaction.atomic():
        for notification in _named(Notification.objects.filter(user=owner), email, "values"):
            notification.values = _emptied(notification.values, email)
            notification.save(update_fields=["values"])
    _trail(owner, email)
    _administration(email)


def _named(rows: QuerySet[Any], email: str, *fields: str) -> QuerySet[Any]:
    """The rows with the address in one of their fields."""
    found = Q()
    for field in fields:
        for spelling in spellings(email):
            found |= Q(**{f"{field}__icontains": spelling})
    return rows.filter(found)


def _emptied(value: Any, email: str) -> Any:
    """A JSON value without the address in its texts and keys; numbers under equal keys are added up."""
    if isinstance(value, str):
        return without(value, email)
    if isinstance(value, list):
        return [_emptied(item, email) for item in value]
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for key, item in value.items():
            name, emptied = without(key, email), _emptied(item, email)
            made[name] = made[name] + emptied if name in made and isinstance(emptied, int) else emptied
        return made
    return value


def _attempts(owner: User, email: str) -> None:
    texts = ("server_response", "problem", "answers")
    for pk in _named(Attempt.objects.owned_by(owner), email, *texts).values_list("pk", flat=True):
        with transaction.atomic():
            attempt = Attempt.objects.select_for_update(of=("self",)).get(pk=pk)
            attempt.problem = without(attempt.problem, email)
            attempt.answers = _emptied(attempt.answers, email)
            if attempt.server_response:
                attempt.server_response = summary(attempt.answers) or without(attempt.server_response, email)
            attempt.save(update_fields=["problem", "answers", "server_response"])


def _rules(owner: User, email: str) -> None:
    """Conditions of groups, and of changes that are waiting for their clients."""
    for rows in (ClientGroup._base_manager.filter(owner=owner), BulkAction.objects.owned_by(owner)):
        for row in _named(rows, email, "rule"):
            rows.filter(pk=row.pk).update(rule=_emptied(row.rule, email))


def _imports(owner: User, email: str) -> None:
    """Their texts, the refused lines, and uploads that have not started yet."""
    uploads = ClientImport.objects.owned_by(owner)
    texts = ("file_name", "problem", "origin_note", "layout")
    for upload in _named(uploads, email, *texts):
        for name in texts:
            setattr(upload, name, _emptied(getattr(upload, name), email))
        upload.save(update_fields=texts)
    for upload in uploads.exclude(status__in=ClientImport.ALIVE):
        if upload.status == ClientImport.Status.DRAFT:
            if _holds(upload, email):
                upload.path.unlink(missing_ok=True)
                upload.delete()
        elif upload.refused_path.exists():
            _rewrite(upload.refused_path, email)


def _holds(upload: ClientImport, email: str) -> bool:
    """Whether an upload names the address, or cannot be read."""
    try:
        with upload.path.open("rb") as file:
            lines = records(file, layout_of(upload))
            return any(without(cell, email) != cell for line in lines for cell in line.cells)
    except (CannotRead, OSError):
        return True


def _rewrite(path: Path, email: str) -> None:
    """A file of refused lines without the address."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    clean = [[without(cell, email) for cell in line] for line in lines]
    if clean == lines:
        return
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(clean)
    fresh.replace(path)


def _trail(owner: User, email: str) -> None:
    """This owner's audit entries stay, without the address."""
    rows = _named(AuditEntry.objects.filter(actor_id=owner.pk), email, "target", "detail")
    changed = [(without(row.target, email), without(row.detail, email), row.pk) for row in rows]
    if changed:
        with opened(), connection.cursor() as cursor:
            cursor.executemany("UPDATE people_auditentry SET target = %s, detail = %s WHERE id = %s", changed)


def _administration(email: str) -> None:
    """What the administration's log remembers about rows: it has no owner, only their names."""
    for entry in _named(LogEntry.objects.all(), email, "object_repr", "change_message"):
        entry.object_repr, entry.change_message = GONE, ""
        entry.save(update_fields=["object_repr", "change_message"])
