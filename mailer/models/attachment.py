from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from mailer.models.message import Message
from people.models import User


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def owned_by(self, user: User) -> Self:
        return self.filter(message__owner=user)

    def saved(self) -> Self:
        """Those that runs send."""
        return self.exclude(draft=Attachment.Draft.ADDED)

    def written(self) -> Self:
        """Those that the message will have when its draft is saved."""
        return self.exclude(draft=Attachment.Draft.REMOVED)


class Attachment(models.Model):
    """A file that goes with a message. Its content is stored once per owner, by its SHA-256."""

    class Draft(models.TextChoices):
        ADDED = "added", _("added")
        REMOVED = "removed", _("removed")

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    name = models.CharField(_("name"), max_length=100)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(_("size"), help_text="In bytes.")
    digest = models.CharField(max_length=64, db_index=True)
    draft = models.CharField(
        max_length=10, choices=Draft, blank=True, default="", editable=False,
        help_text="What was done to it since the message was saved.",
    )  # fmt: skip

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("message", "digest", "name"),
                name="mailer_attachment_once",
                violation_error_message=_("This file is attached already."),
            ),
        )

    def __str__(self) -> str:
        return self.name
