"""Huey's tasks about clients and their attributes: leaves, each makes one call."""

from huey.contrib.djhuey import db_task


@db_task()
def forget_values(owner_id: int, key: str) -> None:
    from mailer.audience.attributes import forget_values

    forget_values(owner_id=owner_id, key=key)
