"""Huey's tasks: leaves, which take ids and make one call. The dispatcher recovers what they lose."""

from threading import Lock

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task, on_startup

from mailer.audience import tasks as audience_tasks
from mailer.returns import tasks as returns_tasks
from site_config.queue import long_work

__all__ = ["audience_tasks", "returns_tasks"]  # huey finds tasks in this module only

URGENT = 10  # somebody is waiting for it
_first_worker = Lock()


@db_task(priority=URGENT)
def open_mailing(mailing_id: int) -> None:
    from mailer.sending.dispatcher import open_one

    open_one(mailing_id)


@db_task()
def send_attempt(attempt_id: int, token: str, requeues: int = 0) -> None:
    from mailer.sending.worker import send_attempt

    send_attempt(attempt_id, token, requeues=requeues)


@db_task()
def resume_attempt(attempt_id: int) -> None:
    from mailer.sending.worker import resume

    resume(attempt_id)


@db_task()
def catch_up() -> None:
    from mailer.sending.dispatcher import catch_up

    catch_up()


@db_task(priority=URGENT)
def check_message(message_id: int) -> None:
    from mailer.checking.background import run_aside

    run_aside(message_id)


@db_task(priority=URGENT)
def check_sender_domain(domain_id: int) -> None:
    from mailer.senders.domains import look_up_aside

    look_up_aside(domain_id)


@db_periodic_task(crontab(minute="20"))
def look_at_sender_domains() -> None:
    from mailer.senders.domains import look_again_aside

    look_again_aside()


@db_periodic_task(crontab(minute="30", hour="3"))
@long_work
def prune() -> None:
    from mailer.sending.pruning import prune_old

    prune_old()


@db_task()
@long_work
def remove_leftovers() -> None:
    from mailer.sending.leftovers import remove

    remove()


@db_periodic_task(crontab(minute="*/10"))
@long_work
def look_for_leftovers() -> None:
    from mailer.sending.leftovers import remove

    remove()


@db_periodic_task(crontab(minute="40"))
def remove_unused_files() -> None:
    from mailer.composing.uploads import remove_unused

    remove_unused()


@db_periodic_task(crontab(minute="*/15"))
@long_work
def count_clients() -> None:
    from mailer.reporting.unique_clients import recount

    recount()


@db_task()
def count_domains(attempt_id: int) -> None:
    from mailer.reporting.domains import count_domains

    count_domains(attempt_id)


@db_periodic_task(crontab(minute="*/10"))
def count_domains_left_over() -> None:
    from mailer.reporting.domains import count_left_over

    count_left_over()


@db_periodic_task(crontab(minute="5"))
def send_digests() -> None:
    from mailer.reporting.digest import send_digests

    send_digests()


@db_task()
@long_work
def make_archive(archive_id: int) -> None:
    from mailer.reporting.archiving import make

    make(archive_id)


@db_periodic_task(crontab(minute="*/10"))
def resume_archives() -> None:
    from mailer.reporting.archiving import resume

    resume()


@on_startup()
def start_dispatcher() -> None:
    """Once per consumer process, by whichever of its workers begins first."""
    if _first_worker.acquire(blocking=False):
        from mailer.sending.dispatcher import start

        start()
