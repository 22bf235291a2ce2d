"""Tasks about clients and imports: leaves, each makes one call. `mailer.tasks` imports them for huey."""

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task

from site_config.queue import long_work


@db_task()
@long_work
def run_import(import_id: int) -> None:
    from mailer.audience.importing.running import run_import

    run_import(import_id)


@db_task()
@long_work
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


@db_task()
def forget_values(owner_id: int, key: str) -> None:
    from mailer.audience.attributes import forget_values

    forget_values(owner_id=owner_id, key=key)


@db_task()
@long_work
def run_bulk(action_id: int) -> None:
    from mailer.audience.bulk import run

    run(action_id)


@db_periodic_task(crontab())
def resume_bulk() -> None:
    from mailer.audience.bulk import resume

    resume()


@db_task()
@long_work
def remove_groups() -> None:
    from mailer.audience.removal import remove_groups

    remove_groups()


@db_periodic_task(crontab(minute="*/10"))
@long_work
def look_for_removed_groups() -> None:
    from mailer.audience.removal import remove_groups

    remove_groups()


@db_periodic_task(crontab(minute="20", hour="3"))
def forget_archives() -> None:
    from mailer.audience.archives import forget_old

    forget_old()


@db_periodic_task(crontab(minute="50", hour="3"))
def forget_bulk() -> None:
    from mailer.audience.bulk import forget

    forget()


@db_task()
def mail_requests() -> None:
    from mailer.audience.subscribing import mail_requests

    mail_requests()


@db_periodic_task(crontab())
def mail_waiting_requests() -> None:
    from mailer.audience.subscribing import mail_requests

    mail_requests()


@db_periodic_task(crontab(minute="20", hour="*"))
def forget_requests() -> None:
    from mailer.audience.subscribing import forget_requests

    forget_requests()
