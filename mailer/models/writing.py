"""What is kept while somebody writes: drafts, versions, a default look, pictures."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from mailer.models.message import Message
from mailer.models.owned import Owned, OwnedQuerySet


class MessageDraft(models.Model):
    """What was typed since the message was last saved; mailings do not use it."""

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="draft")
    data = models.JSONField(default=dict)
    saved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"draft of {self.message_id}"


class MessageVersion(models.Model):
    """An earlier state of a message: when it was saved, or before a step that can be undone."""

    class Kind(models.TextChoices):
        SAVED = "saved", _("saved")
        STEP = "step", _("step")

    message = models.ForeignKey(Message, models.CASCADE, related_name="versions")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SAVED)
    data = models.JSONField(default=dict)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        indexes = (models.Index(fields=("message", "kind", "-id"), name="mailer_version_latest"),)

    def __str__(self) -> str:
        return f"{self.message_id}: {self.kind}"


class MessageTheme(models.Model):
    """How a user's new messages look."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="message_theme"
    )
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"theme of {self.owner_id}"


class Picture(Owned):
    """A picture for messages, re-encoded; anyone who has its address can see it, as in any mail."""

    name = models.CharField(_("name"), max_length=100)
    file = models.CharField(max_length=100, editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    size = models.PositiveIntegerField(_("size"), editable=False, help_text="In bytes.")

    objects = OwnedQuerySet["Picture"].as_manager()

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ("-pk",)
        constraints = (models.UniqueConstraint(fields=("owner", "file"), name="mailer_picture_once"),)

    def __str__(self) -> str:
        return self.name


class MessageCheck(models.Model):
    """What the network said about a message: its links, its sender's domain, and a spam filter.

    Codes and not sentences, so that each reader has them in their own language.
    """

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="network_check")
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    links = models.JSONField(default=dict, help_text="By address: a code and a detail.")
    sender = models.JSONField(default=list)
    spam = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"check of {self.message_id}"
