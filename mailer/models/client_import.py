"""A file of clients that somebody uploaded, and what became of it."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.models.owned import Owned, OwnedQuerySet
from people.validators import validate_one_line


class ClientImportQuerySet(OwnedQuerySet["ClientImport"]):
    def alive(self) -> "ClientImportQuerySet":
        """Those that a worker is processing, or will be."""
        return self.filter(status__in=ClientImport.ALIVE)


class ClientImport(Owned):
    """One upload: how to read it, how far it is, and its counts."""

    class Status(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("of an import", "not started")
        QUEUED = "queued", pgettext_lazy("of an import", "waiting")
        RUNNING = "running", pgettext_lazy("of an import", "running")
        FINISHED = "finished", pgettext_lazy("of an import", "finished")
        STOPPED = "stopped", pgettext_lazy("of an import", "stopped")
        FAILED = "failed", pgettext_lazy("of an import", "failed")
        RETRACTING = "retracting", pgettext_lazy("of an import", "being taken back")
        RETRACTED = "retracted", pgettext_lazy("of an import", "taken back")

    class Known(models.TextChoices):
        UPDATE = "update", _("use the file's name and comment where it has them")
        FILL = "fill", _("fill in only what is empty")
        SKIP = "skip", _("leave them as they are")

    class Origin(models.TextChoices):
        FORM = "form", _("a form on a site of mine")
        CUSTOMERS = "customers", _("customers of mine who agreed")
        EVENT = "event", _("an event, a shop or a paper form")
        SERVICE = "service", _("another mailing service I used")
        OTHER = "other", _("something else, described below")

    ALIVE = (Status.QUEUED, Status.RUNNING, Status.RETRACTING)
    ENDED = (Status.FINISHED, Status.STOPPED, Status.FAILED)

    file_name = models.CharField(_("file"), max_length=200)
    size = models.BigIntegerField(default=0, help_text="Of the file, in bytes.")
    layout = models.JSONField(default=dict, help_text="How the file is read: importing.Layout.")
    group = models.ForeignKey("mailer.ClientGroup", models.SET_NULL, null=True, related_name="+")
    known = models.CharField(_("known addresses"), max_length=10, choices=Known, default=Known.UPDATE)
    to_stop_list = models.CharField(
        max_length=20,
        blank=True,
        help_text="The reason, where all addresses of the file go on the stop-list.",
    )
    origin = models.CharField(_("where they come from"), max_length=20, choices=Origin, blank=True)
    origin_note = models.CharField(
        _("description"), max_length=300, blank=True, validators=[validate_one_line]
    )
    consent_on = models.DateField(_("date of consent"), null=True)

    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.DRAFT)
    problem = models.TextField(blank=True, help_text="Why it failed, as its owner reads it.")
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    alive_at = models.DateTimeField(null=True, help_text="When its worker last said so.")
    read_bytes = models.BigIntegerField(default=0)
    refused_bytes = models.BigIntegerField(default=0, help_text="Of the file of refused lines.")
    created = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    repeated = models.IntegerField(default=0)
    suppressed = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    further = models.IntegerField(default=0, help_text="Second addresses of a line, which were not taken.")
    retracted = models.IntegerField(default=0)
    kept = models.IntegerField(default=0, help_text="Not taken back: something was sent to them.")

    COUNTS = ("created", "changed", "unchanged", "repeated", "suppressed", "refused")

    objects = ClientImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("owner", "-created_at"), name="mailer_import_by_owner"),)

    def __str__(self) -> str:
        return self.file_name

    @property
    def path(self) -> Path:
        """The uploaded file; it is deleted when the import has ended."""
        return settings.IMPORT_DIR / f"{self.form_key}.upload"

    @property
    def refused_path(self) -> Path:
        """The lines that were left out, as CSV."""
        return settings.IMPORT_DIR / f"{self.form_key}.refused.csv"

    @property
    def lines(self) -> int:
        return int(sum(getattr(self, name) for name in self.COUNTS))

    @property
    def percent(self) -> int:
        return min(100 * self.read_bytes // max(self.size, 1), 100)

    @property
    def is_alive(self) -> bool:
        return self.status in self.ALIVE

    @property
    def may_be_taken_back(self) -> bool:
        return self.status in self.ENDED
