"""Deletes archives that are too old, or that hold somebody who asked to be forgotten."""

from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from mailer.models import Archive
from mailer.models.archive import KEPT


def remove_of(owner_id: int) -> int:
    """Delete an owner's archives, even those being made; return how many there were."""
    return _remove(Archive.objects.filter(owner=owner_id))


def forget_old() -> int:
    """Delete expired archives, and files whose owner is gone."""
    before = timezone.now() - KEPT
    return _remove(Archive.objects.filter(created_at__lt=before)) + _orphans()


def _remove(archives: QuerySet[Archive]) -> int:
    rows = list(archives)
    for archive in rows:
        archive.path.unlink(missing_ok=True)
    Archive.objects.filter(pk__in=[archive.pk for archive in rows]).delete()
    return len(rows)


def _orphans() -> int:
    removed = 0
    for path in settings.ARCHIVE_DIR.glob("*.zip"):
        try:
            known = Archive.objects.filter(form_key=UUID(path.stem)).exists()
            young = datetime.fromtimestamp(path.stat().st_mtime, UTC) > timezone.now() - KEPT
        except (ValueError, OSError):
            continue
        if not known and not young:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
