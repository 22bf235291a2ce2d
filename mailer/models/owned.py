"""What every row that belongs to a user has in common."""

import uuid
from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import User

Row = TypeVar("Row", bound=models.Model)


class OwnedQuerySet(models.QuerySet[Row]):
    def get_by_natural_key(self, form_key: str) -> Row:
        return self.get(form_key=form_key)

    def owned_by(self, user: User) -> Self:
        """The user's own rows: the only ones a form may offer or change."""
        return self.filter(owner=user)

    def visible_to(self, user: User) -> Self:
        """The rows this user may see."""
        return self.owned_by(user)


class Owned(models.Model):
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("owner"), related_name="%(class)ss"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    form_key = models.UUIDField(
        unique=True,
        default=uuid.uuid4,
        editable=False,
        help_text="Minted with the empty form: the same form sent twice makes one row.",
    )

    class Meta:
        abstract = True

    def natural_key(self) -> tuple[str, ...]:
        """How fixtures name the row, whatever its id is in another database."""
        return (str(self.form_key),)
