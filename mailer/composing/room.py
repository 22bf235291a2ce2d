"""How much of the disk one user's files may take: a full disk stops everybody's mail."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from mailer.models import Attachment, Picture

MEGABYTE = 1_000_000


def refuse_without_room(*, owner_id: int, size: int) -> None:
    """ValidationError unless this owner's pictures and attachments, with this many bytes more, fit."""
    limit = settings.FILES_PER_USER_MB * MEGABYTE
    pictures = Picture.objects.filter(owner=owner_id).aggregate(Sum("size"))["size__sum"] or 0
    # One file for all messages that have it.
    files = Attachment.objects.filter(message__owner=owner_id).values("digest", "size").distinct()
    attached = files.aggregate(Sum("size"))["size__sum"] or 0
    if settings.GUARD and pictures + attached + size > limit:
        raise ValidationError(
            _("Your pictures and attachments together may have up to %(limit)s MB. Delete some first."),
            params={"limit": settings.FILES_PER_USER_MB},
            code="no_room",
        )
