"""Which clients are in which groups."""

from collections.abc import Collection, Mapping

from django.db import connection, transaction
from django.db.models import Exists, IntegerField, OuterRef, QuerySet, Value

from mailer.audience.attributes import define
from mailer.models import Client, ClientGroup, OptOut


def save_client(
    *, client: Client, groups: Collection[ClientGroup], new_attributes: Mapping[str, str] | None = None
) -> Client:
    """Save a client and put it into exactly these groups; a group deleted meanwhile is left out.

    `new_attributes`: the kinds of attributes that this client is the first to have, by name. Raises
    ValidationError if there are too many.
    """
    with transaction.atomic():
        for key, kind in (new_attributes or {}).items():
            define(owner=client.owner, key=key, kind=kind)
        client.save()
        # Locked in one order everywhere, so that a group cannot be deleted before its new member is
        # committed.
        wanted = ClientGroup.objects.filter(pk__in=[group.pk for group in groups], owner=client.owner_id)
        client.groups.set(list(wanted.order_by("pk").select_for_update()))
    return client


def put_into(*, group: ClientGroup, clients: QuerySet[Client]) -> list[int]:
    """Put clients into a group by one INSERT … SELECT; return the ids of the new members.

    Clients who left the group themselves stay out.
    """
    if clients.query.is_empty():  # nobody was chosen, and there is no SQL for that
        return []
    through = ClientGroup.clients.through
    # Not NOT IN: PostgreSQL would search the whole list of members for each client.
    is_member = through.objects.filter(clientgroup_id=group.pk, client_id=OuterRef("pk"))
    left = OptOut.objects.filter(group=group.pk, address_key=OuterRef("address_key"))
    rows = (
        clients.filter(~Exists(is_member), ~Exists(left), owner=group.owner_id)
        .annotate(to_group=Value(group.pk, output_field=IntegerField()))
        .order_by("pk")
        .values_list("to_group", "pk")
    )
    with transaction.atomic(), connection.cursor() as cursor:
        if not ClientGroup.objects.select_for_update().filter(pk=group.pk):
            return []
        sql, params = rows.query.sql_with_params()
        cursor.execute(
            f"INSERT INTO {through._meta.db_table} (clientgroup_id, client_id) {sql} ON CONFLICT DO NOTHING"
            " RETURNING client_id",
            params,
        )
        return [client for (client,) in cursor.fetchall()]


def add_batch(*, group: ClientGroup, clients: Collection[Client]) -> bool:
    """Put a few clients into a group, whatever its size; False if the group is gone."""
    with transaction.atomic():
        if not ClientGroup.objects.select_for_update().filter(pk=group.pk):
            return False
        group.clients.add(*clients)
    return True


def remove_client(*, group: ClientGroup, client: Client) -> None:
    """Remove a client from a group; it remains a client. Doing it again changes nothing."""
    group.clients.remove(client)
