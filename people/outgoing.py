"""Emails about accounts are kept in the database until the mail server has accepted them."""

import logging
from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models.functions import Now

from people import tasks
from people.mail import send
from people.models import OutgoingEmail
from site_config.queue import QUEUE_AWAY

KEPT = timedelta(days=3)  # the links in them expire by then
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
AT_ONCE = 200  # per sweep

log = logging.getLogger(__name__)


def put(pk: int) -> None:
    """Have an email sent by the consumer, or at once while the queue is away."""
    try:
        tasks.send_outgoing(pk)
    except QUEUE_AWAY:
        deliver(pk)


def deliver(pk: int) -> bool:
    """Send one email if it is due; return whether this call did. Otherwise it is tried again later."""
    email = OutgoingEmail.objects.claim(pk)
    if email is None:
        return False
    mail = EmailMultiAlternatives(
        email.subject,
        email.text,
        settings.ACCOUNT_FROM_EMAIL,
        headers={"Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(email.html, "text/html")
    try:
        send(mail, to=email.to)
    except (OSError, SMTPException) as error:
        _not_yet(email, error)
        return False
    email.delete()
    return True


def _not_yet(email: OutgoingEmail, error: Exception) -> None:
    if _refused_for_good(error):
        log.warning("An email about an account was refused for good: %s", type(error).__name__)
        email.delete()
        return
    pause = min(FIRST_PAUSE * 2 ** min(email.tries - 1, 10), LONGEST_PAUSE)
    OutgoingEmail.objects.filter(pk=email.pk).update(next_try_at=Now() + pause)
    log.warning("An email about an account waits %s: %s", pause, type(error).__name__)


def _refused_for_good(error: Exception) -> bool:
    if not isinstance(error, SMTPRecipientsRefused):
        return False
    return all(500 <= code < 600 for code, _text in error.recipients.values())


def sweep() -> None:
    """Queue what is due, and delete what has expired."""
    late = OutgoingEmail.objects.filter(created_at__lt=Now() - KEPT)
    if given_up := late.delete()[0]:
        log.error("%s emails about accounts could not be sent within %s.", given_up, KEPT)
    for pk in OutgoingEmail.objects.due().order_by("next_try_at").values_list("pk", flat=True)[:AT_ONCE]:
        tasks.send_outgoing(pk)
