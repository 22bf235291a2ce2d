"""The files that go with a message: stored by content, copied into the run that sends them."""

import hashlib
from collections.abc import Iterable
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from mailer.composing.attachment_kinds import clean_name, content_type_of
from mailer.composing.merge import CannotCompile
from mailer.composing.mime_files import File
from mailer.composing.room import refuse_without_room
from mailer.models import Attachment, Message

FOLDER = "attachments"
MOST = 10  # files per message
LARGEST = 15_000_000  # bytes in all: encoded, they still fit into the 25 MB that most servers accept
Snapshot = list[dict[str, Any]]


def attach(*, message: Message, upload: IO[bytes], name: str) -> Attachment:
    """Check a file and attach it; raises ValidationError with the reason."""
    upload.seek(0)
    data = upload.read(LARGEST + 1)
    name = clean_name(name)
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=message.pk)
        _refuse_too_much(message, len(data))
        content_type = content_type_of(name, data)
        digest = hashlib.sha256(data).hexdigest()
        path = path_of(message.owner_id, digest)
        if not default_storage.exists(path):
            refuse_without_room(owner_id=message.owner_id, size=len(data))
            default_storage.save(path, ContentFile(data))
        row, _made = Attachment.objects.get_or_create(
            message=message,
            digest=digest,
            name=name,
            defaults={"content_type": content_type, "size": len(data)},
        )
    return row


def _refuse_too_much(message: Message, size: int) -> None:
    there = message.attachments.aggregate(Sum("size"))["size__sum"] or 0
    if there + size > LARGEST:
        raise ValidationError(
            _(
                "All attachments together may have up to %(limit)s MB."
                " Put large files on a site and link to them."
            ),
            params={"limit": LARGEST // 1_000_000},
            code="too_large",
        )
    if message.attachments.count() >= MOST:
        raise ValidationError(_("At most %(limit)s files."), params={"limit": MOST}, code="too_many")


def copy_attachments(*, source: Message, to: Message) -> None:
    """The same files for another message of the same owner; their content is not copied."""
    for row in source.attachments.all():
        row.pk, row.message = None, to
        row.save(force_insert=True)


def snapshot_of(message: Message) -> Snapshot:
    """What a run keeps of them, so that it sends these whatever happens to the message."""
    return [dict(row) for row in message.attachments.values("name", "content_type", "size", "digest")]


def files_of(snapshot: Iterable[dict[str, Any]], *, owner_id: int) -> tuple[File, ...]:
    """The files themselves; raises CannotCompile if one is missing."""
    return tuple(_file(row, owner_id) for row in snapshot)


def _file(row: dict[str, Any], owner_id: int) -> File:
    try:
        with default_storage.open(path_of(owner_id, row["digest"])) as file:
            data = file.read()
    except OSError as error:
        what = _("the attachment “%(name)s” cannot be read; attach it again") % {"name": row["name"]}
        raise CannotCompile(what, token=None) from error
    return File(name=row["name"], content_type=row["content_type"], data=data)


def path_of(owner_id: int, digest: str) -> str:
    return f"{FOLDER}/{owner_id}/{digest}"
