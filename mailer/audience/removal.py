"""Deletes groups: small ones at once, the memberships of large ones in the background."""

from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from mailer.audience import tasks
from mailer.models import ClientGroup, Mailing
from people.models import User
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


def delete_groups_of(*, owner: User) -> None:
    """Delete the groups of a user who is deleted in this transaction; many memberships in the background."""
    groups = ClientGroup._base_manager.filter(owner=owner)
    if count(_MEMBERS.filter(clientgroup__owner=owner)).more:
        after_commit(tasks.remove_groups)  # it finds them by their missing owner
    else:
        groups.delete()


def is_large(group: ClientGroup) -> bool:
    return group.rule is None and count(_MEMBERS.filter(clientgroup_id=group.pk)).more


def remove_groups() -> int:
    """Remove the memberships of groups that are deleted, or whose owner is, then the groups.

    Return how many rows. Safe to call again.
    """
    removed = 0
    ownerless = ~Exists(User.objects.filter(pk=OuterRef("owner_id")))
    for group in ClientGroup._base_manager.filter(ownerless | Q(removed_at__isnull=False)).order_by("pk"):
        while not STOPPING.is_set():
            some = list(_MEMBERS.filter(clientgroup_id=group.pk).values_list("pk", flat=True)[:BATCH])
            if not some:
                group.delete()
                break
            removed += _MEMBERS.filter(pk__in=some).delete()[0]
            connections.release()
    return removed
