"""What one would write instead: the same mails, the slow ways. One command per process, prints JSON.

python -m bench.rivals django_loop 2000 | smtplib_only 200 8 | post_office 2000 | compose 20000
"""

import json
import os
import sys
import time
from threading import Thread
from typing import Any

if sys.argv[1] == "post_office":
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.post_office_settings"

from bench import inside  # isort: skip  # sets Django up

# isort: split
from django.core.mail import get_connection
from django.utils import timezone

from mailer.composing.compiling import compile_message
from mailer.composing.rendering import Composer, Recipient
from mailer.models import Client, Delivery, Mailing, Message
from mailer.sending.opening import latest_id, run_now
from people.models import User


def _composer() -> Composer:
    message = Message.objects.filter(owner__email="bench@example.com").get()
    owner = User.objects.get(email="bench@example.com")
    return Composer(
        compiled=compile_message(subject=message.subject, body=message.body, format=message.format),
        owner=owner,
    )


def django_loop(number: str) -> dict[str, Any]:
    """EmailMultiAlternatives for each row over one kept connection, and save()."""
    inside.clear()
    mailing = Mailing.objects.get(owner__email="bench@example.com")
    attempt = run_now(mailing=mailing, after=latest_id(mailing))
    composer, connection = _composer(), get_connection()
    connection.open()
    began = time.time()
    for row in Delivery.objects.filter(attempt=attempt).order_by("pk")[: int(number)].iterator():
        recipient = Recipient(email=row.email, full_name=row.full_name, message_id=row.message_id)
        mail = composer.as_django(recipient)
        mail.connection = connection
        mail.send()
        row.status, row.finished_at = "sent", timezone.now()
        row.save()
    return {"rate": round(int(number) / (time.time() - began), 1)}


def smtplib_only(number: str, connections: str) -> dict[str, Any]:
    """Ready-made mails by smtplib over so many connections, without a ledger."""
    composer = _composer()
    rows = list(Client.objects.order_by("pk")[: int(number)])
    mails = [
        composer.as_django(
            Recipient(email=row.email, full_name=row.full_name, message_id=f"<{row.pk}@b.example>")
        )
        for row in rows
    ]

    def work(part: list[Any]) -> None:
        get_connection().send_messages(part)

    threads = [Thread(target=work, args=(mails[n :: int(connections)],)) for n in range(int(connections))]
    began = time.time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"rate": round(len(mails) / (time.time() - began), 1)}


def compose(number: str) -> dict[str, Any]:
    """Our own mails, written and discarded: what that costs by itself."""
    composer = _composer()
    rows = [
        Recipient(email=row.email, full_name=row.full_name, message_id=f"<{row.pk}@b.example>")
        for row in Client.objects.order_by("pk")[: int(number)]
    ]
    began = time.process_time()
    size = sum(len(composer.write(row, eight_bit=True)) for row in rows)
    spent = time.process_time() - began
    return {"microseconds": round(spent / len(rows) * 1e6, 1), "octets": round(size / len(rows))}


def post_office(number: str) -> dict[str, Any]:
    """django-post_office: mail.send_many, then send_queued_mail with its defaults."""
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import Email

    call_command("migrate", "post_office", verbosity=0)
    Email.objects.all().delete()
    composer = _composer()
    for row in Client.objects.order_by("pk")[: int(number)]:
        made = composer.as_django(
            Recipient(email=row.email, full_name=row.full_name, message_id=f"<{row.pk}@b.example>")
        )
        mail.send(
            recipients=[row.email], sender=made.from_email, subject=made.subject, message=made.body,
            html_message=str(made.alternatives[0][0]),
        )  # fmt: skip
    began = time.time()
    call_command("send_queued_mail", processes=1, log_level=0)
    sent = Email.objects.filter(status=0).count()
    return {"rate": round(sent / (time.time() - began), 1), "sent": sent}


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    print(json.dumps(globals()[command](*words)))
