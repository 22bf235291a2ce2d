"""Sending while the queue is away: threads of the consumer take waiting leases straight from the database."""

import logging
import random
from threading import Thread
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from mailer.models import Lease
from mailer.sending import worker
from mailer.sending.database import is_away, note_away
from site_config import connections
from site_config.queue import queue_is_away
from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
LOOKED_AT = 20  # leases; other processes see the same ones

_threads: list[Thread] = []


def keep_sending() -> None:
    """Keep as many threads sending as the consumer has workers; they end when the queue is back."""
    _threads[:] = [thread for thread in _threads if thread.is_alive()]
    workers: Any = settings.HUEY["consumer"]["workers"]  # type: ignore[index]  # settings say no type
    for number in range(len(_threads), workers):
        thread = Thread(target=_send, name=f"without-queue-{number}", daemon=True)
        _threads.append(thread)
        thread.start()


def send_next() -> bool:
    """Send for one lease that nobody has begun; return whether there was one."""
    waiting = Lease.objects.filter(running=False).order_by("pk").values_list("attempt_id", "token")
    found = list(waiting[:LOOKED_AT])
    if found:
        worker.send_attempt(*random.choice(found))
    return bool(found)


def _send() -> None:
    try:
        while queue_is_away() and not STOPPING.is_set():
            try:
                busy = send_next()
            except DatabaseError as error:
                if is_away(error):
                    note_away(error)
                else:
                    log.exception("nothing could be sent")
                connection.close()
                busy = False
            except Exception:  # whatever it is, other runs go on
                log.exception("nothing could be sent")
                busy = False
            connections.release()
            if not busy:
                STOPPING.wait(PAUSE_SECONDS)
    finally:
        connection.close()
