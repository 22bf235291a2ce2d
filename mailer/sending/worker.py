"""The sending of an attempt by one worker, a slice of time at once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.utils import timezone

from mailer.models import Attempt
from mailer.sending import closing, health, leases
from mailer.sending.opening import open_mailing
from mailer.sending.turn import Progress, Turn
from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

HOPS = 8  # how often a task is put back for another process, before it is dropped
_lock = Lock()
_sending: set[int] = set()  # the attempts that this process is sending for


def send_attempt(attempt_id: int, token: str, *, hops: int = 0, on_progress: Progress | None = None) -> None:
    """Send what is due of an attempt for one slice of time, then queue up behind the others.

    Does nothing if the token is void. Whatever goes wrong, each delivery ends as sent, as failed
    with the server's answer, or back in the queue.
    """
    if STOPPING.is_set():
        leases.pass_on(attempt_id, token)
        return
    with _only_one_here(attempt_id) as alone:
        if alone:
            _send(attempt_id, token, on_progress or (lambda _: None))
            return
    # Two threads of one process gain nothing at the same attempt: another process may.
    if hops < HOPS:
        leases.pass_on(attempt_id, token, hops + 1)
    else:
        leases.decline(token)


def _send(attempt_id: int, token: str, on_progress: Progress) -> None:
    if not leases.take(token):
        return
    attempt = Attempt.objects.select_related("mailing__owner").filter(pk=attempt_id).first()
    if attempt is None:
        return
    leases.recover_others(attempt_id)
    turn = Turn(attempt, token, on_progress)
    more = False
    try:
        with leases.Heartbeat(token):
            more = turn.run()
    finally:
        # What could not be brought to its end stays with the lease: when that expires, it is put back
        # as "possibly twice". Giving it back here would send it again without saying so.
        if turn.settled:
            leases.give_back(attempt_id=attempt_id, token=token, more=more)
    if (until := turn.wake_at or health.rests_until()) is not None:
        leases.wake(attempt_id, at=until)
    closing.expire_ended(attempt_id, now=timezone.now())
    if closing.finish(attempt_id):
        open_next(attempt_id)


def open_next(attempt_id: int) -> None:
    """Open the run that waited for this one to end, if its time has come."""
    mailing_id = Attempt.objects.filter(pk=attempt_id).values_list("mailing_id", flat=True).first()
    if mailing_id is not None:
        open_mailing(mailing_id)


@contextmanager
def _only_one_here(attempt_id: int) -> Iterator[bool]:
    with _lock:
        alone = attempt_id not in _sending
        _sending.add(attempt_id)
    try:
        yield alone
    finally:
        if alone:
            with _lock:
                _sending.discard(attempt_id)
