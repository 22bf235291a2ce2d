"""The consumers that are alive, and what each has learned about the mail server: for the operator's page."""

import os
import socket
from datetime import timedelta

from django.db.models import QuerySet

from mailer.models import Consumer
from mailer.sending import clock
from mailer.transport import trust

BEAT_SECONDS = 5
ALIVE = timedelta(seconds=20)
FORGOTTEN = timedelta(days=1)


def beat() -> None:
    """Record that this process is alive, and which extensions it does without."""
    now = clock.now()
    distrusted = [
        [f"{host}:{port}", name, (now + timedelta(seconds=seconds)).isoformat(timespec="seconds")]
        for (host, port), name, seconds in trust.known()
    ]
    name = f"{socket.gethostname()}:{os.getpid()}"
    if not Consumer.objects.filter(name=name).update(seen_at=now, distrusted=distrusted):
        Consumer.objects.create(name=name, started_at=now, seen_at=now, distrusted=distrusted)


def gone() -> None:
    """Record that this process ends in an orderly way."""
    Consumer.objects.filter(name=f"{socket.gethostname()}:{os.getpid()}").delete()


def forget_old() -> None:
    Consumer.objects.filter(seen_at__lt=clock.now() - FORGOTTEN).delete()


def alive() -> QuerySet[Consumer]:
    """Consumers that have reported lately."""
    return Consumer.objects.filter(seen_at__gte=clock.now() - ALIVE).order_by("name")
