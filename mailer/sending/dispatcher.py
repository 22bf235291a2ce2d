"""A thread of each consumer that opens what is due, to the second, and recovers what was lost.

It needs only the database: while the queue is away it sends as well, so that nothing waits for the queue.
"""

import logging
import random
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic

from django.db import DatabaseError, connection
from django.db.models import Count, F, Min, Window
from django.db.models.functions import RowNumber
from django.urls import get_resolver

from mailer.audience.rules import BrokenRule
from mailer.models import Lease, Mailing
from mailer.sending import clock, consumers, database, leases, sweep, without_queue
from mailer.sending.database import is_away, is_locked
from mailer.sending.opening import open_mailing
from site_config import connections
from site_config.queue import is_backed_up, look_after_queue, queue_is_away
from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # at most, between two checks for what is due
SWEEP_SECONDS = 60
MOST_AT_ONCE = 200  # mailings opened before the list is read again
IN_A_ROW = 20  # before the list is read again, for what other dispatchers have opened
MANY_TASKS = 100  # that wait for a worker
MOST_WAITING = 100  # runs of one owner that no worker has begun
LONGEST_PAUSE = timedelta(hours=1)  # between two attempts to open a mailing


def start() -> None:
    """Start the thread; it ends when the process is asked to stop."""
    Thread(target=run, name="dispatcher", daemon=True).start()


def run() -> None:
    """Check what is due, wait for the next due time or half a second, repeat."""
    get_resolver().url_patterns  # noqa: B018  # loaded now, and not while the first mail waits for its links
    with connections.brief_locks():
        _look_until_stopped()
    with suppress(DatabaseError):
        consumers.gone()
    connection.close()


def _look_until_stopped() -> None:
    swept = beaten = float("-inf")
    silence = database.Silence()
    while not STOPPING.is_set():
        try:
            if monotonic() - swept >= SWEEP_SECONDS:
                clock.synchronise()
                if swept < 0:
                    sweep.begin()
                sweep.sweep()
                silence.restart()
                swept = monotonic()
            if monotonic() - beaten >= consumers.BEAT_SECONDS or database.is_noted_away():
                look_after_queue()
                consumers.beat()
                database.note_back()
                beaten = monotonic()
            wait = look(silence)
            if queue_is_away():
                without_queue.keep_sending()
        except DatabaseError as error:
            if is_away(error):
                database.note_away(error)
            else:
                log.exception("the dispatcher failed")
            wait = LOOK_SECONDS
            connection.close()
        except Exception:  # whatever it is, later mailings must still be opened
            log.exception("the dispatcher failed")
            wait = LOOK_SECONDS
        connections.release()
        STOPPING.wait(wait)


def catch_up() -> None:
    """Recover and open everything that is due now, in the calling thread."""
    sweep.sweep()
    look()


def look(silence: database.Silence | None = None) -> float:
    """Open what is due and recover lost workers; return the seconds until the next check."""
    silence = silence or database.Silence()
    due = due_in_turn()
    silence.heard()
    _open_all(due)
    silence.restart()  # that takes what it takes
    lost = leases.lost()
    silence.heard()
    sweep.recover(lost)
    leases.queue_late()
    if len(due) == MOST_AT_ONCE:
        return 0
    coming = Mailing.objects.allowed().filter(next_run_at__gt=clock.now())
    following: datetime | None = coming.aggregate(first=Min("next_run_at"))["first"]
    if following is None:
        return LOOK_SECONDS
    return float(min(max((following - clock.now()).total_seconds(), 0), LOOK_SECONDS))


def _open_all(due: list[int]) -> None:
    """Open them from a random place on: the dispatchers of other processes open the same ones.

    While many tasks wait for a worker, every third moment is left to those: what is opened is to be sent.
    """
    start = random.randrange(0, len(due), IN_A_ROW) if len(due) > IN_A_ROW else 0
    due = due[start:] + due[:start]
    for first in range(0, len(due), IN_A_ROW):
        began, some = monotonic(), due[first : first + IN_A_ROW]
        left = set(some)
        if first:
            left &= set(Mailing.objects.due(clock.now()).filter(pk__in=some).values_list("pk", flat=True))
        for mailing_id in some:
            if mailing_id in left and not STOPPING.is_set():
                open_one(mailing_id)
        if is_backed_up(by=MANY_TASKS):
            STOPPING.wait(min((monotonic() - began) / 2, LOOK_SECONDS))


def due_in_turn() -> list[int]:
    """Mailings whose next run is due: each owner's first, then each owner's second, and so on.

    Owners who already have many runs waiting for a worker have to wait until those have begun.
    """
    waiting = Lease.objects.filter(running=False, attempt__sent=0, attempt__failed=0)
    per_owner = waiting.values("attempt__mailing__owner").annotate(number=Count("pk"))
    busy = per_owner.filter(number__gte=MOST_WAITING).values_list("attempt__mailing__owner", flat=True)
    place = Window(RowNumber(), partition_by=F("owner"), order_by=("next_run_at", "pk"))
    due = Mailing.objects.due(clock.now()).exclude(owner__in=list(busy)).annotate(place=place)
    return list(due.order_by("place", "next_run_at", "pk").values_list("pk", flat=True)[:MOST_AT_ONCE])


def open_one(mailing_id: int) -> None:
    """Open one mailing's run; a failure is noted on that mailing and does not affect the others."""
    try:
        open_mailing(mailing_id)
    except BrokenRule as error:
        _note_failure(mailing_id, str(error))
    except Exception as error:  # one mailing's trouble is never another's
        if is_locked(error):
            return  # it is tried again in a moment
        if is_away(error):
            raise
        log.exception("mailing %s could not be opened", mailing_id)
        _note_failure(mailing_id, f"{type(error).__name__}: {error}")


def _note_failure(mailing_id: int, problem: str) -> None:
    failures = Mailing.objects.filter(pk=mailing_id).values_list("opening_failures", flat=True).first() or 0
    pause = min(timedelta(minutes=1) * 2 ** min(failures, 10), LONGEST_PAUSE)
    Mailing.objects.filter(pk=mailing_id).update(
        opening_failures=failures + 1,
        opening_problem=problem[:500],
        opening_retry_at=clock.now() + pause,
    )
