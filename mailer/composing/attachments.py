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
    """Check a file and add it to the draft; raises ValidationError with the reason."""
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
            defaults={"content_type": content_type, "size": len(data), "draft": Attachment.Draft.ADDED},
        )
        message.attachments.filter(pk=row.pk, draft=Attachment.Draft.REMOVED).update(draft="")
    return row


@transaction.atomic
def detach(*, message: Message, pk: int) -> None:
    """Take a file out of the draft; what runs send has it until the message is saved."""
    rows = message.attachments.filter(pk=pk)
    rows.filter(draft=Attachment.Draft.ADDED).delete()
    rows.update(draft=Attachment.Draft.REMOVED)


@transaction.atomic
def settle(*, message: Message) -> None:
    """The draft's files become the message's."""
    message.attachments.filter(draft=Attachment.Draft.REMOVED).delete()
    message.attachments.update(draft="")


@transaction.atomic
def forget_changes(*, message: Message) -> None:
    """The message's files become the draft's."""
    message.attachments.filter(draft=Attachment.Draft.ADDED).delete()
    message.attachments.update(draft="")


def _refuse_too_much(message: Message, size: int) -> None:
    written = message.attachments.written()
    there = written.aggregate(Sum("size"))["size__sum"] or 0
    if there + size > LARGEST:
        raise ValidationError(
            _(
                "All attachments together may have up to %(limit)s MB."
                " Put large files on a site and link to them."
            ),
            params={"limit": LARGEST // 1_000_000},
            code="too_large",
        )
    if written.count() >= MOST:
        raise ValidationError(_("At most %(limit)s files."), params={"limit": MOST}, code="too_many")


def copy_attachments(*, source: Message, to: Message) -> None:
    """The same files for the draft of another message of the same owner; their content is not copied."""
    for row in source.attachments.written():
        row.pk, row.message, row.draft = None, to, Attachment.Draft.ADDED
        row.save(force_insert=True)


def snapshot_of(message: Message) -> Snapshot:
    """What a run keeps of them, so that it sends these whatever happens to the message."""
    rows = message.attachments.saved().values("name", "content_type", "size", "digest")
    return [dict(row) for row in rows]


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
