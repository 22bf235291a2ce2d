"""The attributes a user's clients may have: made by forms and imports, removed with all their values."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from mailer.audience import tasks
from mailer.models import Attribute, Client
from mailer.models.attribute import MOST, clean_key
from people.models import User
from site_config.queue import after_commit
from site_config.shutdown import STOPPING

BATCH = 2_000  # clients per transaction


def define(*, owner: User, key: str, kind: str) -> Attribute:
    """The owner's attribute of this name, created if it is new; an existing one keeps its kind.

    Raises ValidationError if no attribute can have this name, or if there are too many.
    """
    name = clean_key(key)
    found = Attribute.objects.owned_by(owner).filter(key=name).first()
    if found:
        return found
    if Attribute.objects.owned_by(owner).count() >= MOST:
        raise ValidationError(_("You already have %(limit)s attributes."), params={"limit": MOST})
    attribute, _new = Attribute.objects.get_or_create(owner=owner, key=name, defaults={"kind": kind})
    return attribute


def choose_columns(*, owner: User, keys: list[str]) -> None:
    """Show exactly these attributes as columns in the owner's list of clients."""
    attributes = Attribute.objects.owned_by(owner)
    with transaction.atomic():
        attributes.filter(in_list=True).exclude(key__in=keys).update(in_list=False)
        attributes.filter(in_list=False, key__in=keys).update(in_list=True)


def remove(*, attribute: Attribute) -> None:
    """Delete an attribute at once; its values go in the background."""
    with transaction.atomic():
        owner, key = attribute.owner_id, attribute.key
        attribute.delete()
        after_commit(lambda: tasks.forget_values(owner, key))


def forget_values(*, owner_id: int, key: str) -> int:
    """Remove an attribute's values from all of an owner's clients, in short transactions; return from how
    many.

    Does nothing if an attribute of that name exists again.
    """
    cleared, last = 0, 0
    while not STOPPING.is_set():
        with transaction.atomic():
            if Attribute.objects.filter(owner_id=owner_id, key=key).exists():
                break
            rows = Client.objects.filter(owner_id=owner_id, pk__gt=last).order_by("pk")
            ids = list(rows.values_list("pk", flat=True)[:BATCH])
            if not ids:
                break
            last = ids[-1]
            values = {"key": key, "path": f'$."{key}"', "ids": _as_parameter(ids)}
            with connection.cursor() as cursor:
                cursor.execute(_FORGET[connection.vendor], values)
                cleared += cursor.rowcount
    return cleared


def _as_parameter(ids: list[int]) -> Any:
    return ids if connection.vendor == "postgresql" else json.dumps(ids)


_FORGET = {
    "postgresql": """
UPDATE mailer_client SET attributes = attributes - %(key)s WHERE id = ANY(%(ids)s) AND attributes ? %(key)s
""",
    "sqlite": """
UPDATE mailer_client SET attributes = json_remove(attributes, %(path)s)
WHERE id IN (SELECT value FROM json_each(%(ids)s)) AND json_type(attributes, %(path)s) IS NOT NULL
""",
}
