from django.conf import settings
from django.db import models


class BegunMails(models.Model):
    """How many mails a user with an allowance began within ten minutes; kept for a day.

    Separate from the ledger, so that deleting what was sent does not raise the allowance.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    since = models.DateTimeField()
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("owner", "since"), name="mailer_begun_once_a_while"),)
        indexes = (models.Index(fields=("since",), name="mailer_begun_by_time"),)

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.number} since {self.since}"
