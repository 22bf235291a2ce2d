"""Who may send for an attempt: whoever holds one of its leases.

queued --take--> running --give_back--> queued (new token) … until the attempt is finished. A running lease is
renewed by its worker's heartbeat; when it expires, the worker is gone.

An attempt begins with one lease. A worker that finds more than it can soon send invites another one, which
takes the next free seat; each claims deliveries of its own.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import NamedTuple, Self

from django.conf import settings
from django.db import Error, connection, transaction
from django.utils.translation import gettext_noop

from mailer import tasks
from mailer.models import Attempt, Delivery, Lease
from mailer.models.attempt import new_key
from mailer.sending import clock, database
from mailer.sending.ledger import count
from mailer.sending.sql import run
from site_config import connections
from site_config.queue import after_commit, is_backed_up

log = logging.getLogger(__name__)

RUNNING = timedelta(seconds=15)
QUEUED = timedelta(seconds=30)  # a task that has not begun by then is queued again
HEARTBEAT_SECONDS = 4
WORKER_LOST = gettext_noop("The worker stopped while this mail was in hand")


def begin(attempt_id: int, *, urgent: bool = False) -> None:
    """Have a worker send for an attempt made in this transaction, which nobody else can see yet."""
    lease = Lease.objects.create(attempt_id=attempt_id, seat=0, expires_at=clock.now() + QUEUED)
    _queue(attempt_id, lease.token, 0, tasks.URGENT if urgent else 0)


def enqueue(attempt_id: int) -> None:
    """Have a worker send for this attempt, unless one does or is about to. Safe to call at any time."""
    with transaction.atomic():
        now = clock.now()
        if not Attempt.objects.running().filter(pk=attempt_id).exists():
            return
        leases = list(Lease.objects.select_for_update().filter(attempt_id=attempt_id).order_by("seat"))
        expired = [lease for lease in leases if lease.expires_at <= now and not _may_live(lease)]
        for lease in expired:
            if lease.running:
                recover(lease)
        alive = len(expired) < len(leases)
        late = [lease for lease in expired if not lease.running][: 0 if alive else 1]
        Lease.objects.filter(pk__in=[lease.pk for lease in expired if lease not in late]).delete()
        if alive:
            return
        if late:
            # The task may only be late: it keeps its token, so that only one of the two will begin.
            Lease.objects.filter(pk=late[0].pk).update(expires_at=now + QUEUED)
            _queue(attempt_id, late[0].token)
            return
        _add(attempt_id, seat=0)


def _may_live(lease: Lease) -> bool:
    """Whether its worker may only not have reached the database: then it has as long again to renew it."""
    return lease.running and database.seconds_since_return() < RUNNING.total_seconds()


def invite(attempt_id: int) -> None:
    """Ask for one more worker, unless the attempt has as many as it may have."""
    if not connection.features.has_select_for_update_skip_locked:
        return  # two writers would only wait for each other
    with transaction.atomic():
        taken = set(Lease.objects.filter(attempt_id=attempt_id).values_list("seat", flat=True))
        free = [seat for seat in range(settings.MAIL_WORKERS) if seat not in taken]
        if free:
            _add(attempt_id, seat=free[0])


def queue_again() -> None:
    """Queue every task that has not begun, because a killed consumer may have taken some with it.

    They keep their tokens: if a task is still queued, only one of the two will begin. If other tasks are in
    the queue, most of these are too; missing ones are found when they are late.
    """
    if is_backed_up():
        return
    for attempt_id, token in Lease.objects.filter(running=False).values_list("attempt_id", "token"):
        _queue(attempt_id, token)


def queue_late() -> None:
    """Queue again the tasks that have not begun in time.

    While other tasks are in the queue, these may only be late: then only the oldest is queued again, in case
    it is lost.
    """
    now = clock.now()
    late = Lease.objects.filter(running=False, expires_at__lte=now).order_by("pk")
    found = list(late.values_list("pk", "attempt_id", "token"))
    if found and is_backed_up():
        late.filter(pk__in=[pk for pk, _, _ in found[1:]]).update(expires_at=now + QUEUED)
        found = found[:1]
    for pk, attempt_id, token in found:
        if late.filter(pk=pk).update(expires_at=now + QUEUED):
            _queue(attempt_id, token)


def decline(token: str) -> None:
    """Give up a lease that nobody has begun to use."""
    Lease.objects.filter(token=token, running=False).delete()


def _add(attempt_id: int, *, seat: int) -> None:
    lease, created = Lease.objects.get_or_create(
        attempt_id=attempt_id, seat=seat, defaults={"expires_at": clock.now() + QUEUED}
    )
    if created:
        _queue(attempt_id, lease.token)


class Taken(NamedTuple):
    """A lease that this worker now uses, and what it needs to know first."""

    others_lost: bool  # other workers of the attempt have left mails behind
    server_failed: bool  # when it was last used


def take(token: str) -> Taken | None:
    """Begin to use a lease; None if its token is void or somebody else already uses it."""
    now, as_parameter = clock.now(), connection.ops.adapt_datetimefield_value
    params = {"token": token, "now": as_parameter(now), "until": as_parameter(now + RUNNING)}
    found = run("take", params)
    return Taken(*map(bool, found[0])) if found else None


def give_back(*, attempt_id: int, token: str, more: bool, in_doubt: bool = False) -> None:
    """End a slice; queue up behind the others if there is more to do.

    The worker has put back what it did not begin. `in_doubt`: it may have claimed mails without knowing,
    because the database went away before it answered; finding those takes a while.
    """
    if not more and not in_doubt:
        run("give_back", {"token": token})
        return
    with transaction.atomic():
        mine = Lease.objects.select_for_update().filter(token=token, running=True)
        if not mine:
            return
        if in_doubt:
            held = Delivery.objects.filter(attempt_id=attempt_id, lease=token)
            held.filter(status=Delivery.Status.SENDING).update(
                status=Delivery.Status.QUEUED, lease="", next_try_at=clock.now()
            )
        if not more:
            mine.delete()
            return
        new = new_key()
        mine.update(token=new, running=False, expires_at=clock.now() + QUEUED)
        _queue(attempt_id, new)


@transaction.atomic
def recover(lease: Lease) -> None:
    """Put back what a lost worker had in hand. Each may have been sent already; none loses a try."""
    lost = Delivery.objects.filter(
        attempt_id=lease.attempt_id, lease=lease.token, status=Delivery.Status.SENDING
    )
    newly_unknown = lost.filter(possibly_twice=False).count()
    put_back = lost.update(
        status=Delivery.Status.QUEUED, lease="", response=WORKER_LOST, possibly_twice=True,
        next_try_at=clock.now(),
    )  # fmt: skip
    if put_back:
        log.warning("attempt %s: put back %s mails of a lost worker", lease.attempt_id, put_back)
        count(
            attempt_id=lease.attempt_id,
            statuses=Counter(),
            answers=Counter({WORKER_LOST: put_back}),
            possibly_twice=newly_unknown,
        )


def lost() -> list[int]:
    """The attempts whose worker is gone."""
    rows = Lease.objects.filter(running=True, expires_at__lte=clock.now())
    return list(rows.values_list("attempt_id", flat=True))


class Heartbeat:
    """Renews a running lease from its own thread, even while the server is slow to answer."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._stop = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        connections.make_vital()
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                Lease.objects.filter(token=self._token, running=True).update(expires_at=clock.now() + RUNNING)
            except Error as error:  # the worker will notice by itself; the next beat may succeed
                if database.is_away(error):
                    database.note_away(error)
                else:
                    log.warning("the heartbeat could not be written", exc_info=True)
            else:
                database.note_back()
            finally:
                connection.close()


def requeue(attempt_id: int, token: str, requeues: int = 0) -> None:
    """Put back a task that this process will not begin."""
    _queue(attempt_id, token, requeues)


def wake(attempt_id: int, *, at: datetime) -> None:
    """Queue the attempt again when the mail server has rested."""
    seconds = max((at - clock.now()).total_seconds(), 0)
    after_commit(lambda: tasks.resume_attempt.schedule((attempt_id,), delay=seconds))


def _queue(attempt_id: int, token: str, requeues: int = 0, priority: int = 0) -> None:
    after_commit(lambda: tasks.send_attempt(attempt_id, token, requeues, priority=priority))
