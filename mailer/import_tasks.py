"""Huey's tasks about imports: leaves, each takes an id and makes one call."""

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task


@db_task()
def run_import(import_id: int) -> None:
    from mailer.audience.importing.running import run_import

    run_import(import_id)


@db_task()
def retract_import(import_id: int) -> None:
    from mailer.audience.importing.running import retract_import

    retract_import(import_id)


@db_periodic_task(crontab())
def resume_imports() -> None:
    from mailer.audience.importing.running import resume

    resume()


@db_periodic_task(crontab(minute="10", hour="3"))
def forget_uploads() -> None:
    from mailer.audience.importing.uploads import forget_files

    forget_files()
