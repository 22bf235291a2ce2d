from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from content import counting


@db_periodic_task(crontab())
def flush_views() -> None:
    counting.flush()
