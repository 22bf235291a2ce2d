from django.db import models

from mailer.models.attempt import Attempt


class DomainCount(models.Model):
    """What became of an attempt's mails to one domain, counted once it is over; kept when deliveries go.

    An empty domain stands for all those that are not among the most frequent.
    """

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="domain_counts", db_index=False)
    domain = models.CharField(max_length=255, blank=True)
    total = models.PositiveIntegerField()
    sent = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("attempt", "domain"), name="mailer_domaincount_once_per_attempt"),
        )

    def __str__(self) -> str:
        return f"{self.domain or '…'}: {self.total}"
