"""The sending of an attempt by one worker, a slice of time at once."""

import logging
from datetime import datetime
from threading import Lock

from django.utils import timezone

from mailer.models import Attempt
from mailer.sending import closing, leases, server_health
from mailer.sending.opening import open_mailing
from mailer.sending.send_loop import Progress, SendLoop
from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

MAX_REQUEUES = 8  # how often a task is put back for another process, before it is dropped
_lock = Lock()
_sending: set[int] = set()  # the attempts that this process is sending for


def send_attempt(
    attempt_id: int, token: str, *, requeues: int = 0, on_progress: Progress | None = None
) -> datetime | None:
    """Send what is due of an attempt for one slice of time, then queue up behind the others.

    Does nothing if the token is void. Whatever goes wrong, each delivery ends as sent, as failed
    with the server's answer, or back in the queue. Returns when it goes on, if a limit of mails per
    minute is all that it waits for.
    """
    if STOPPING.is_set():
        leases.requeue(attempt_id, token)
        return None
    if _mark_sending(attempt_id):
        return _send(attempt_id, token, on_progress or (lambda _: None))
    if requeues < MAX_REQUEUES:
        # Two threads of one process gain nothing at the same attempt: another process may.
        leases.requeue(attempt_id, token, requeues + 1)
    else:
        leases.decline(token)
    return None


def _send(attempt_id: int, token: str, on_progress: Progress) -> datetime | None:
    loop = None
    try:
        if not leases.take(token):
            return None
        attempt = Attempt.objects.select_related("mailing__owner").filter(pk=attempt_id).first()
        if attempt is None:
            return None
        leases.recover_others(attempt_id)
        loop = SendLoop(attempt, token, on_progress)
        with leases.Heartbeat(token):
            loop.run()
    finally:
        _unmark_sending(attempt_id)  # before the next turn is queued: it may be for this process
        # What could not be brought to its end stays with the lease: when that expires, it is put back
        # as "possibly twice". Giving it back here would send it again without saying so.
        if loop and loop.settled:
            leases.give_back(
                attempt_id=attempt_id, token=token, more=loop.more or loop.in_doubt, in_doubt=loop.in_doubt
            )
    if (until := loop.wake_at or server_health.rests_until()) is not None:
        leases.wake(attempt_id, at=until)
    closing.expire_ended(attempt_id, now=timezone.now())
    if closing.finish(attempt_id):
        open_next(attempt_id)
        return None
    return loop.wake_at


def open_next(attempt_id: int) -> None:
    """Open the run that waited for this one to end, if its time has come."""
    mailing_id = Attempt.objects.filter(pk=attempt_id).values_list("mailing_id", flat=True).first()
    if mailing_id is not None:
        open_mailing(mailing_id)


def _mark_sending(attempt_id: int) -> bool:
    """Have this process send for an attempt, unless it does so already."""
    with _lock:
        free = attempt_id not in _sending
        _sending.add(attempt_id)
        return free


def _unmark_sending(attempt_id: int) -> None:
    with _lock:
        _sending.discard(attempt_id)
