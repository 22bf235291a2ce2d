from django.db import models

from mailer.models.attempt import Attempt


class DomainCount(models.Model):
    """An attempt's results for one domain, counted when it ends; kept when its deliveries are pruned.

    An empty domain stands for all but the most frequent ones.
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
