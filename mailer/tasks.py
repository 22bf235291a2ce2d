"""Huey's tasks: each takes ids and makes one call. What they lose, the sweep finds again."""

from datetime import timedelta
from threading import Lock

from django.conf import settings
from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task, on_startup

from mailer.audience.importing import running, uploads
from mailer.sending import leases, opening, pruning, worker
from mailer.sending import sweep as sweeping
from site_config.shutdown import STOPPING

# The scheduler looks once a second: a task comes early and waits for its second itself.
EARLY = timedelta(seconds=2)
_first_worker = Lock()


@db_task()
def open_mailing(mailing_id: int) -> None:
    opening.open_mailing(mailing_id)


@db_task()
def open_at(mailing_id: int, due: float) -> None:
    """Open a mailing at a POSIX time that is at most seconds away."""
    STOPPING.wait(max(due - timezone.now().timestamp(), 0))
    opening.open_mailing(mailing_id)


@db_task()
def send_attempt(attempt_id: int, token: str, requeues: int = 0) -> None:
    worker.send_attempt(attempt_id, token, requeues=requeues)


@db_task()
def resume_attempt(attempt_id: int) -> None:
    leases.enqueue(attempt_id)


@db_task()
def run_import(import_id: int) -> None:
    running.run_import(import_id)


@db_task()
def retract_import(import_id: int) -> None:
    running.retract_import(import_id)


@db_periodic_task(crontab())
def sweep() -> None:
    sweep_now()


@db_periodic_task(crontab())
def resume_imports() -> None:
    for import_id, is_retracted in running.waiting():
        (retract_import if is_retracted else run_import)(import_id)


@db_periodic_task(crontab(minute="10", hour="3"))
def forget_uploads() -> None:
    uploads.forget_files()


@db_periodic_task(crontab(minute="30", hour="3"))
def prune() -> None:
    if days := settings.KEEP_DELIVERIES_DAYS:
        pruning.prune(before=timezone.now() - timedelta(days=days))


@db_task()
def sweep_now() -> None:
    sweeping.sweep()
    now = timezone.now()
    for mailing_id, due in sweeping.coming(now):
        delay = (due - now - EARLY).total_seconds()
        open_at.schedule((mailing_id, due.timestamp()), delay=max(delay, 0))


@on_startup()
def sweep_at_startup() -> None:
    """Go on at once after a restart, and again when the leases of killed workers have run out."""
    if _first_worker.acquire(blocking=False):
        sweeping.release_held()
        leases.queue_again()
        sweep_now()
        sweep_now.schedule(delay=leases.RUNNING.total_seconds() + 1)
