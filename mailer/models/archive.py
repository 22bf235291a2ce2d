"""All that an owner has, as one file to download."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from mailer.models.owned import Owned, OwnedQuerySet

KEPT = timedelta(days=7)


class ArchiveQuerySet(OwnedQuerySet["Archive"]):
    def alive(self) -> "ArchiveQuerySet":
        """Those that a worker is making, or will."""
        return self.filter(status__in=Archive.ALIVE)


class Archive(Owned):
    """One archive: requested, made by the consumer, and kept for a few days."""

    class Status(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("of an archive", "waiting")
        RUNNING = "running", pgettext_lazy("of an archive", "being made")
        READY = "ready", pgettext_lazy("of an archive", "ready")
        FAILED = "failed", pgettext_lazy("of an archive", "failed")

    ALIVE = (Status.QUEUED, Status.RUNNING)

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    size = models.BigIntegerField(default=0, help_text="Of the file, in bytes.")
    alive_at = models.DateTimeField(auto_now_add=True, help_text="When its worker last said so.")
    finished_at = models.DateTimeField(null=True)

    objects = ArchiveQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.owner}: {self.created_at:%Y-%m-%d}"

    @property
    def path(self) -> Path:
        return settings.ARCHIVE_DIR / f"{self.form_key}.zip"

    @property
    def is_alive(self) -> bool:
        return self.status in self.ALIVE

    @property
    def expires_at(self) -> object:
        return self.finished_at and self.finished_at + KEPT
