"""Deletes groups: small ones at once, the memberships of large ones in the background."""

from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from mailer.audience import tasks
from mailer.models import ClientGroup, Mailing
from site_config import connections
from site_config.queue import after_commit
from site_config.shutdown import STOPPING
from site_config.ui.counting import count

BATCH = 5_000  # memberships per transaction
_MEMBERS = ClientGroup.clients.through.objects


def delete_group(*, group: ClientGroup) -> None:
    """Delete a group; its clients stay. A large one disappears from pages and mailings at once."""
    if not is_large(group):
        group.delete()
        return
    with transaction.atomic():
        for links in (Mailing.groups.through, Mailing.excluded.through):
            links._default_manager.filter(clientgroup_id=group.pk).delete()
        # Its name is free again.
        ClientGroup.objects.filter(pk=group.pk).update(removed_at=timezone.now(), name=str(uuid4()))
        after_commit(tasks.remove_groups)


def is_large(group: ClientGroup) -> bool:
    return group.rule is None and count(_MEMBERS.filter(clientgroup_id=group.pk)).more


def remove_groups() -> int:
    """Remove the memberships of deleted groups, then the groups; return how many rows. Safe to call again."""
    removed = 0
    for group in ClientGroup._base_manager.exclude(removed_at=None).order_by("pk"):
        while not STOPPING.is_set():
            some = list(_MEMBERS.filter(clientgroup_id=group.pk).values_list("pk", flat=True)[:BATCH])
            if not some:
                group.delete()
                break
            removed += _MEMBERS.filter(pk__in=some).delete()[0]
            connections.release()
    return removed
