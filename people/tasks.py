"""Huey's tasks. An email about an account holds secrets: a task carries its id alone."""

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task


@db_task()
def send_outgoing(email_id: int) -> None:
    from people import outgoing  # it queues this task: a true circle

    outgoing.deliver(email_id)


@db_periodic_task(crontab())
def sweep_outgoing() -> None:
    """What a lost task, a killed worker or a mail server that was away left behind."""
    from people import outgoing  # as above

    outgoing.sweep()
