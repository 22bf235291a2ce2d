"""Huey's tasks. An email about an account holds secrets, so a task carries only its id."""

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task


@db_task()
def send_outgoing(email_id: int) -> None:
    from people import outgoing  # it queues this task: a true import cycle

    outgoing.deliver(email_id)


@db_periodic_task(crontab())
def sweep_outgoing() -> None:
    """Send what a lost task, a killed worker or an unreachable mail server left behind."""
    from people import outgoing  # as above

    outgoing.sweep()
