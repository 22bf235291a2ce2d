"""Writing a message: saving drafts while typing, saving, undoing, and earlier versions.

A draft holds what was typed, valid or not. Mailings use what was saved. `Message.revision` counts both, so
that the later of two windows is warned.
"""

import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from mailer.composing import attachments
from mailer.composing.blocks import document
from mailer.composing.blocks.document import Content
from mailer.models import Format, Message, MessageDraft, MessageTheme, MessageVersion
from people.models import User

MOST_STEPS, MOST_VERSIONS = 30, 50
UNTITLED = 200  # characters of a subject that a draft shows in lists


class ChangedMeanwhile(Exception):
    """Another window changed this message since this one was loaded."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the editor holds."""

    subject: str = ""
    format: str = Format.BLOCKS
    body: str = ""
    content: Content = field(default_factory=document.empty)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Written":
        return cls(
            subject=str(data.get("subject", "")),
            format=str(data.get("format", Format.HTML)),
            body=str(data.get("body", "")),
            content=document.read(data.get("content")),
        )


@dataclass(frozen=True, kw_only=True)
class Kept:
    revision: int
    at: datetime | None


def start_message(*, owner: User, form_key: uuid.UUID, written: Written) -> Message:
    """A message that is only a draft; the same form sent twice makes one."""
    with transaction.atomic():
        message, made = Message.objects.get_or_create(
            form_key=form_key,
            owner=owner,
            defaults={"subject": written.subject[:UNTITLED], "format": written.format, "revision": 1},
        )
        if made:
            MessageDraft.objects.create(message=message, data=written.as_data())
    return message


def copy_message(*, message: Message, form_key: uuid.UUID) -> Message:
    """A new message that begins as a copy; the same form sent twice makes one."""
    written, _since = written_of(message)
    with transaction.atomic():
        copy = start_message(owner=message.owner, form_key=form_key, written=written)
        if not copy.attachments.exists():
            attachments.copy_attachments(source=message, to=copy)
    return copy


def archive(*, message: Message) -> bool:
    """Stop offering a message; mailings that send it go on. Returns whether this call did it."""
    rows = Message.objects.filter(pk=message.pk, archived_at=None)
    return bool(rows.update(archived_at=timezone.now()))


def unarchive(*, message: Message) -> bool:
    return bool(Message.objects.filter(pk=message.pk).exclude(archived_at=None).update(archived_at=None))


def saved_of(message: Message) -> Written:
    return Written(
        subject=message.subject,
        format=message.format,
        body="" if message.format == Format.BLOCKS else message.body,
        content=document.read(message.content),
    )


def written_of(message: Message) -> tuple[Written, datetime | None]:
    """What the editor begins with, and since when it is a draft, if it is one."""
    draft = MessageDraft.objects.filter(message=message).first()
    return (Written.from_data(draft.data), draft.saved_at) if draft else (saved_of(message), None)


@transaction.atomic
def keep_draft(
    *,
    message: Message,
    written: Written,
    seen: int | None,
    before: Written | None = None,
    files_changed: bool = False,
) -> Kept:
    """Store what was typed; raises ChangedMeanwhile if `seen` is not the latest revision.

    `before`: the state before a step that can be undone. `files_changed`: this is a draft, whatever was
    typed.
    """
    draft = MessageDraft.objects.filter(message=message).first()
    kept = Written.from_data(draft.data) if draft else saved_of(message)
    changed = files_changed or kept != written
    revision = _claim(message, seen, counts=changed)
    if not changed and before is None:
        return Kept(revision=revision, at=draft.saved_at if draft else None)
    draft, _made = MessageDraft.objects.update_or_create(
        message=message, defaults={"data": written.as_data()}
    )
    if not message.body:
        Message.objects.filter(pk=message.pk).update(subject=written.subject[:UNTITLED])
    if before is not None and before != written:
        _remember(message, MessageVersion.Kind.STEP, before, MOST_STEPS)
    return Kept(revision=revision, at=draft.saved_at)


@transaction.atomic
def publish(*, message: Message, written: Written, body: str, seen: int | None) -> Kept:
    """Save what was checked, so that mailings use it. `body`: the source, or the HTML made from blocks."""
    revision = _claim(message, seen, counts=True)
    now = timezone.now()
    Message.objects.filter(pk=message.pk).update(
        subject=written.subject,
        format=written.format,
        body=body,
        content=written.content if written.format == Format.BLOCKS else {},
        updated_at=now,
    )
    attachments.settle(message=message)
    MessageDraft.objects.filter(message=message).delete()
    _remember(message, MessageVersion.Kind.SAVED, written, MOST_VERSIONS)
    return Kept(revision=revision, at=now)


@transaction.atomic
def undo(*, message: Message, seen: int | None) -> Kept | None:
    """Go back to before the last step; None if there is none."""
    step = message.versions.filter(kind=MessageVersion.Kind.STEP).first()
    if step is None:
        return None
    kept = keep_draft(message=message, written=Written.from_data(step.data), seen=seen)
    step.delete()
    return kept


@transaction.atomic
def bring_back(*, message: Message, version: MessageVersion) -> Kept:
    """Make an earlier version the draft; undo returns to what was there before."""
    before, _since = written_of(message)
    return keep_draft(message=message, written=Written.from_data(version.data), seen=None, before=before)


@transaction.atomic
def discard_draft(*, message: Message) -> None:
    """Go back to what was last saved."""
    if message.body:
        before, _since = written_of(message)
        keep_draft(message=message, written=saved_of(message), seen=None, before=before)
        attachments.forget_changes(message=message)
        MessageDraft.objects.filter(message=message).delete()


def usual_theme(owner: User) -> dict[str, Any]:
    theme = MessageTheme.objects.filter(owner=owner).first()
    return dict(theme.data) if theme else {}


def make_usual(*, owner: User, theme: dict[str, Any]) -> None:
    MessageTheme.objects.update_or_create(owner=owner, defaults={"data": theme})


def _claim(message: Message, seen: int | None, *, counts: bool) -> int:
    rows = Message.objects.select_for_update().filter(pk=message.pk)
    latest = rows.values_list("revision", flat=True).get()
    if seen is not None and seen != latest:
        raise ChangedMeanwhile
    if counts:
        Message.objects.filter(pk=message.pk).update(revision=F("revision") + 1)
        latest += 1
    return latest


def _remember(message: Message, kind: str, written: Written, most: int) -> None:
    MessageVersion.objects.create(message=message, kind=kind, data=written.as_data())
    rows = MessageVersion.objects.filter(message=message, kind=kind)
    old = list(rows.order_by("-pk").values_list("pk", flat=True)[most : most + 100])
    MessageVersion.objects.filter(pk__in=old).delete()
