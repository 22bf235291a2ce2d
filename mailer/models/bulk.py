"""What an owner does to many clients at once: who was chosen, how far it is, and what it changed."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.models.owned import Owned, OwnedQuerySet


class BulkActionQuerySet(OwnedQuerySet["BulkAction"]):
    def alive(self) -> "BulkActionQuerySet":
        """Those that a worker is processing, or will be."""
        return self.filter(status__in=BulkAction.ALIVE)


class BulkAction(Owned):
    """One change of many clients. They were chosen when it began; later ones are not affected."""

    class Kind(models.TextChoices):
        JOIN = "join", _("Add to a group")
        LEAVE = "leave", _("Take out of a group")
        STOP = "stop", _("Put on the stop-list")
        DELETE = "delete", _("Delete")

    class Status(models.TextChoices):
        RUNNING = "running", pgettext_lazy("of a change", "under way")
        FINISHED = "finished", pgettext_lazy("of a change", "done")
        STOPPED = "stopped", pgettext_lazy("of a change", "stopped")
        UNDOING = "undoing", pgettext_lazy("of a change", "being undone")
        UNDONE = "undone", pgettext_lazy("of a change", "undone")

    ALIVE = (Status.RUNNING, Status.UNDOING)
    ENDED = (Status.FINISHED, Status.STOPPED)
    IN_GROUP = (Kind.JOIN, Kind.LEAVE)

    kind = models.CharField(max_length=10, choices=Kind)
    group = models.ForeignKey("mailer.ClientGroup", models.SET_NULL, null=True, related_name="+")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0, help_text="Of the total; an undo counts back.")
    changed = models.IntegerField(default=0, help_text="Those for whom it made a difference.")
    rule = models.JSONField(
        null=True, help_text="The filter that finds its clients, until its worker has written them down."
    )
    alive_at = models.DateTimeField(auto_now_add=True, help_text="When its worker last said so.")

    objects = BulkActionQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of many clients")
        verbose_name_plural = _("changes of many clients")
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("owner", "-created_at"), name="mailer_bulk_by_owner"),)

    def __str__(self) -> str:
        return str(self.get_kind_display())

    @property
    def percent(self) -> int:
        return min(100 * self.done // max(self.total, 1), 100)

    @property
    def is_choosing(self) -> bool:
        """Its worker has yet to write down whom it is for."""
        return self.rule is not None and self.status == self.Status.RUNNING

    @property
    def is_alive(self) -> bool:
        return self.status in self.ALIVE

    @property
    def may_be_undone(self) -> bool:
        gone = self.kind in self.IN_GROUP and not self.group_id
        return self.status in self.ENDED and self.kind != self.Kind.DELETE and bool(self.changed) and not gone


class BulkBatch(models.Model):
    """Some of a change's clients: as many as one transaction takes."""

    class State(models.IntegerChoices):
        OPEN = 0
        DONE = 1
        UNDONE = 2

    action = models.ForeignKey(BulkAction, models.CASCADE, related_name="batches")
    ids = models.JSONField(help_text="Of the clients.")
    changed = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    state = models.PositiveSmallIntegerField(choices=State, default=State.OPEN, db_default=0)

    def __str__(self) -> str:
        return f"{self.action}: {len(self.ids)}"
