"""Tasks about leaving: each makes one call. `mailer.tasks` imports them for huey."""

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task


@db_periodic_task(crontab())
def end_pauses() -> None:
    from mailer.returns.leaving import end_pauses

    end_pauses()


@db_task()
def erase(forgotten_id: int) -> None:
    from mailer.returns.forgetting import erase

    erase(forgotten_id)


@db_periodic_task(crontab())
def erase_left_over() -> None:
    from mailer.returns.forgetting import erase_left_over

    erase_left_over()
