from django.conf import settings
from django.db import models


class BegunMails(models.Model):
    """How many mails of a user with an allowance were begun within ten minutes; kept for a day.

    Apart from the ledger, so that nobody has more mails by deleting what was sent.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    since = models.DateTimeField()
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("owner", "since"), name="mailer_begun_once_a_while"),)
        indexes = (models.Index(fields=("since",), name="mailer_begun_by_time"),)

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.number} since {self.since}"
