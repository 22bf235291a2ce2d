from typing import Self

from django.apps import apps
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.models.owned import Owned, OwnedQuerySet
from people.models import User
from people.validators import validate_one_line

BODY_LIMIT = 500_000  # characters; mail programs cut a mail off long before


class Format(models.TextChoices):
    """The format of a body; for blocks, the body is the HTML made of them."""

    BLOCKS = "blocks", _("blocks")
    HTML = "html", _("HTML source")
    TEXT = "text", _("plain text")


class Public(models.TextChoices):
    """Who finds a message's page that is nobody's own."""

    NOBODY = "", _("nobody: there is no public page")
    ADDRESS = "address", _("anyone who has its address")
    SEARCH = "search", _("everybody, including search engines")


class MessageQuerySet(OwnedQuerySet["Message"]):
    def visible_to(self, user: User) -> Self:
        """One's own; a user who oversees mailings also sees what they send, but nobody's drafts."""
        if not user.oversees:
            return self.owned_by(user)
        sent = apps.get_model("mailer", "Mailing").objects.filter(message=models.OuterRef("pk"))
        return self.filter(models.Q(owner=user) | models.Exists(sent))

    def sendable(self) -> Self:
        """Those that were saved: a new one is a draft until then, and has no body."""
        return self.exclude(body="").filter(archived_at=None)

    def public(self) -> Self:
        """Those whose page anybody may see who has its address."""
        return self.exclude(public=Public.NOBODY).exclude(body="").filter(owner__is_active=True)

    def with_uses(self) -> Self:
        """Annotate `uses`: the number of mailings that send the message."""
        return self.annotate(uses=models.Count("mailings"))


class Message(Owned):
    """Subject and body, with merge fields in Liquid."""

    subject = models.CharField(_("subject"), max_length=200, validators=[validate_one_line])
    format = models.CharField(_("format"), max_length=10, choices=Format, default=Format.HTML)
    body = models.TextField(_("body"), max_length=BODY_LIMIT)
    content = models.JSONField(
        default=dict, blank=True, editable=False, help_text="The blocks that the body was made of."
    )
    revision = models.PositiveIntegerField(
        default=0, editable=False, help_text="Counts what is saved and drafted: who has seen less is told."
    )
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    archived_at = models.DateTimeField(
        null=True, editable=False, help_text="Since when it is not offered any more; its mailings go on."
    )
    public = models.CharField(
        _("its public page is for"), max_length=10, choices=Public, default=Public.NOBODY, blank=True
    )
    public_key = models.CharField(
        max_length=32, unique=True, null=True, editable=False, help_text="The page's address, for good."
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("-updated_at", "-pk")
        indexes = (models.Index(fields=("owner", "-updated_at", "-id"), name="mailer_message_by_change"),)

    def __str__(self) -> str:
        return self.subject or gettext("(no subject)")

    @property
    def is_draft(self) -> bool:
        """Whether it was never saved, so that no mailing can send it."""
        return not self.body

    def get_absolute_url(self) -> str:
        return reverse("message_edit" if self.is_draft else "message_preview", args=[self.pk])
