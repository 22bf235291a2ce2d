"""How one worker sends for an attempt, one slice of time after another."""

import logging
from datetime import datetime, timedelta
from threading import Lock

from django.db import DatabaseError, OperationalError, connection

from mailer.models import Attempt, Delivery, Mailing
from mailer.sending import clock, closing, database, holding, leases
from mailer.sending.database import is_row_locked, retry_while_away
from mailer.sending.opening import open_mailing
from mailer.sending.send_loop import LoopResult, Progress, SendLoop
from site_config import connections
from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

MAX_REQUEUES = 8  # how often a task is put back for another process, before it is dropped
RETRY_SECONDS = 5  # at least, before mails are tried again: those due until then go together
SOON = timedelta(minutes=15)  # a try that is due later is left to the sweep, which comes once a minute
_lock = Lock()
_sending: set[int] = set()  # the attempts that this process sends for


def send_attempt(
    attempt_id: int, token: str, *, requeues: int = 0, on_progress: Progress | None = None
) -> datetime | None:
    """Send what is due of an attempt for one slice of time, then queue up behind the others.

    Does nothing if the token is void. Whatever goes wrong, each delivery ends as sent, as failed with the
    server's answer, or back in the queue. Returns when the attempt goes on, if only a limit of mails per
    minute keeps it.
    """
    if STOPPING.is_set():
        leases.requeue(attempt_id, token)
        return None
    if _mark_sending(attempt_id):
        with connections.brief_locks():
            return _send(attempt_id, token, on_progress or (lambda _: None), requeues)
    if requeues < MAX_REQUEUES:
        # Two threads of one process gain nothing on the same attempt; another process may.
        leases.requeue(attempt_id, token, requeues + 1)
    else:
        leases.decline(token)
    return None


def _send(attempt_id: int, token: str, on_progress: Progress, requeues: int = 0) -> datetime | None:
    result = LoopResult()
    try:
        taken = _take(attempt_id, token, requeues)
        if taken is None:
            return None
        attempt = retry_while_away(lambda: _begin(attempt_id, taken))
        if attempt is None:
            return None
        loop = SendLoop(attempt, token, on_progress, server_failed=taken.server_failed)
        result = loop.result
        with leases.Heartbeat(token):
            loop.run()
    finally:
        _unmark_sending(attempt_id)  # before the next loop is queued, as it may come to this process
        # What could not be finished stays with the lease: when that expires, it is put back as "possibly
        # twice". Giving it back here would send it again unmarked.
        if result.settled:
            retry_while_away(lambda: _give_back(attempt_id, token, result))
    try:
        return retry_while_away(lambda: _after(attempt_id, result), through_locks=False)
    except OperationalError as error:
        if not is_row_locked(error):
            raise
        log.warning("attempt %s: another session holds its mailing, the sweep will see to it", attempt_id)
        return None


def _take(attempt_id: int, token: str, requeues: int) -> leases.Taken | None:
    """Become the one who sends; if the database cannot be reached, leave the task to another process.

    At once: where connections are few, that other process may have the one that this one lacks.
    """
    if not database.was_just_away():
        try:
            taken = leases.take(token)
        except DatabaseError as error:
            if not database.is_away(error):
                raise
            if not is_row_locked(error):
                database.note_away(error)
            connection.close()
        else:
            database.note_back()
            return taken
    leases.requeue(attempt_id, token, requeues)
    STOPPING.wait(database.PAUSE_SECONDS)  # so that this process is not the next one to get it
    return None


def _begin(attempt_id: int, taken: leases.Taken) -> Attempt | None:
    if taken.others_lost:  # without waiting for the next sweep
        leases.enqueue(attempt_id)
    return Attempt.objects.select_related("mailing__owner").filter(pk=attempt_id).first()


def _give_back(attempt_id: int, token: str, result: LoopResult) -> None:
    more = result.more or result.in_doubt
    leases.give_back(attempt_id=attempt_id, token=token, more=more, in_doubt=result.in_doubt)


def _after(attempt_id: int, result: LoopResult) -> datetime | None:
    """Do what comes next for an attempt: its end and the mailing's next run, or a later try."""
    if closing.finish(attempt_id):
        open_next(attempt_id)
        return None
    until = result.wake_at or holding.resumes_at(attempt_id)
    if until is None and not result.more:
        until = _next_try_at(attempt_id)
    if until is not None:
        leases.wake(attempt_id, at=until)
    closing.expire_ended(attempt_id, now=clock.now())
    holding.settle_set_aside(attempt_id)
    return result.wake_at


def _next_try_at(attempt_id: int) -> datetime | None:
    """When deferred mails are soon to be tried again, or None."""
    now = clock.now()
    deferred = Delivery.objects.filter(attempt_id=attempt_id, status=Delivery.Status.QUEUED)
    soon = deferred.filter(next_try_at__gt=now, next_try_at__lte=now + SOON).order_by("next_try_at", "pk")
    first = soon.values_list("next_try_at", flat=True).first()
    return None if first is None else max(first, now + timedelta(seconds=RETRY_SECONDS))


def open_next(attempt_id: int) -> None:
    """Open the run that waited for this one to end, if it is due."""
    due = Mailing.objects.due(clock.now()).filter(attempts=attempt_id)
    for mailing_id in due.values_list("pk", flat=True):
        open_mailing(mailing_id)


def resume(attempt_id: int) -> None:
    """Have somebody go on with an attempt whose rest is over."""
    retry_while_away(lambda: leases.enqueue(attempt_id))


def _mark_sending(attempt_id: int) -> bool:
    """Mark this process as sending for an attempt, unless it already is."""
    with _lock:
        free = attempt_id not in _sending
        _sending.add(attempt_id)
        return free


def _unmark_sending(attempt_id: int) -> None:
    with _lock:
        _sending.discard(attempt_id)
