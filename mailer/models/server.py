from django.db import models


class MailServer(models.Model):
    """The health of the mail server, shared by all workers: after a failure it is left to rest."""

    failures = models.PositiveIntegerField(default=0)
    rests_until = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)

    def __str__(self) -> str:
        return "mail server"
