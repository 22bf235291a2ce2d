"""Letters leave through the queue, with retries; their text stands nowhere else, so it travels along."""

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from huey.contrib.djhuey import task

RETRIES, RETRY_SECONDS = 120, 60  # a mail server that is away for two hours loses no letter


def queue_letter(*, to: str, subject: str, text: str, html: str) -> None:
    transaction.on_commit(lambda: send_letter(to, subject, text, html))


@task(retries=RETRIES, retry_delay=RETRY_SECONDS)
def send_letter(to: str, subject: str, text: str, html: str) -> None:
    """Send one letter through the mail server of the settings."""
    mail = EmailMultiAlternatives(subject, text, to=[to], headers={"Auto-Submitted": "auto-generated"})
    mail.attach_alternative(html, "text/html")
    mail.send()
