from django.db import models


class MailServer(models.Model):
    """The health of the mail server, shared by all workers: after a failure it rests."""

    failures = models.PositiveIntegerField(default=0)
    quota_failures = models.PositiveIntegerField(default=0, help_text="Quota answers since the last success.")
    rests_until = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)

    def __str__(self) -> str:
        return "mail server"


class Consumer(models.Model):
    """A process that sends, as it last reported."""

    name = models.CharField(max_length=200, unique=True, help_text="The machine and the process.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    distrusted = models.JSONField(
        default=list,
        help_text="Extensions that a mail server offered and did not keep to: server, name, until.",
    )

    def __str__(self) -> str:
        return self.name


class HealthCheck(models.Model):
    """One row that /healthz writes, to check that rows can be written."""

    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.checked_at}"


class RateLimit(models.Model):
    """When the next mail may begin under a limit of mails per minute; `scope` says what is limited."""

    scope = models.CharField(max_length=40, unique=True)
    next_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.scope}: {self.next_at}"
