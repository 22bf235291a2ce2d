"""Emails leave through the queue, with retries; their text stands nowhere else, so it travels along.

While the queue is away they are sent at once, for want of a place to keep them.
"""

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from huey.contrib.djhuey import task

from people import mail
from site_config.queue import QUEUE_AWAY

RETRIES, RETRY_SECONDS = 120, 60  # a mail server that is away for two hours loses no email


def queue_account_email(*, to: str, subject: str, text: str, html: str) -> None:
    def put() -> None:
        try:
            send_account_email(to, subject, text, html)
        except QUEUE_AWAY:
            send_account_email.call_local(to, subject, text, html)

    transaction.on_commit(put, robust=True)


@task(retries=RETRIES, retry_delay=RETRY_SECONDS)
def send_account_email(to: str, subject: str, text: str, html: str) -> None:
    """Send one email through the mail server of the settings."""
    email = EmailMultiAlternatives(subject, text, headers={"Auto-Submitted": "auto-generated"})
    email.attach_alternative(html, "text/html")
    mail.send(email, to=to)
