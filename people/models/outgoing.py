from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import F
from django.db.models.functions import Now

LEASE = timedelta(minutes=5)  # longer than any try; after this, a killed worker's email is tried again


class OutgoingQuerySet(models.QuerySet["OutgoingEmail"]):
    def due(self) -> Self:
        return self.filter(next_try_at__lte=Now())

    def claim(self, pk: int) -> "OutgoingEmail | None":
        """The email, if it is due and no other worker has it."""
        won = self.due().filter(pk=pk).update(next_try_at=Now() + LEASE, tries=F("tries") + 1)
        return self.filter(pk=pk).first() if won else None


class OutgoingEmail(models.Model):
    """An email about an account, from when it is written until it is sent.

    It holds links that open an account, so it is kept here, not in a queue, and is deleted once sent.
    """

    to = models.EmailField()
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    next_try_at = models.DateTimeField(db_default=Now(), db_index=True)
    tries = models.PositiveIntegerField(default=0)

    objects = OutgoingQuerySet.as_manager()

    def __str__(self) -> str:
        return f"to {self.to}"
