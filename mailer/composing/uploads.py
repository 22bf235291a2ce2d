"""Deletes files that nothing needs any more: a while after their last use, and with their owner's account."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.utils import timezone

from mailer.composing import attachments, picture_files
from mailer.models import Attachment, Attempt, Picture

AGE = timedelta(hours=1)  # a file is written before its row
BATCH = 500


def remove_unused(*, now: datetime | None = None) -> int:
    """Delete the files of pictures and attachments that no row names; return how many. Safe to call twice."""
    before = (now or timezone.now()) - AGE
    number = 0
    for path in _unused():
        try:
            if default_storage.get_modified_time(path) < before:
                default_storage.delete(path)
                number += 1
        except OSError:  # another consumer was faster, or it cannot be removed: next time
            continue
    return number


def _unused() -> Iterator[str]:
    pictures = _files(picture_files.FOLDER)
    for some in (pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH)):
        kept = set(Picture.objects.filter(file__in=some).values_list("file", flat=True))
        yield from (f"{picture_files.FOLDER}/{name}" for name in some if name not in kept)
    for owner in _folders(attachments.FOLDER):
        kept = _digests(int(owner)) if owner.isdecimal() else set()
        folder = f"{attachments.FOLDER}/{owner}"
        yield from (f"{folder}/{name}" for name in _files(folder) if name not in kept)


def _digests(owner_id: int) -> set[str]:
    """The files that an owner's messages name, and the runs whose mails can be rebuilt."""
    named = set(Attachment.objects.filter(message__owner=owner_id).values_list("digest", flat=True))
    runs = Attempt.objects.filter(mailing__owner=owner_id, pruned_at=None).exclude(attachments=[])
    for snapshot in runs.values_list("attachments", flat=True).iterator():
        named.update(row["digest"] for row in snapshot)
    return named


def _files(folder: str) -> list[str]:
    return default_storage.listdir(folder)[1] if default_storage.exists(folder) else []


def _folders(folder: str) -> list[str]:
    return default_storage.listdir(folder)[0] if default_storage.exists(folder) else []
