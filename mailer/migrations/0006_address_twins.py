"""One row for each mailbox: spellings are made one, and clients and stop-list entries that then are alike.

Of twins the oldest is kept, with the groups, mailings and deliveries of all, and with the names and
comments that it lacks. On the stop-list the stricter reason wins, and the earlier day.
"""

from collections import defaultdict
from itertools import groupby, islice

from django.core.exceptions import ValidationError
from django.db import migrations
from django.db.models.functions import Lower

from people.addresses import key_of, nearest

READ, MERGED = 5000, 500  # rows at once
LONGEST_COMMENT = 2000
SHOWN = 20
STRICTEST = ("complained", "unsubscribed", "bounced")


def one_spelling(apps, schema_editor):
    said = []
    for name in ("Client", "Suppression"):
        said += respell(apps.get_model("mailer", name), schema_editor.connection)
    merged = merge_clients(apps, schema_editor.connection)
    stopped = merge_suppressions(apps.get_model("mailer", "Suppression"))
    key_open_deliveries(apps.get_model("mailer", "Delivery"), schema_editor.connection)
    if merged or stopped:
        print(f"\n    Made one of several spellings: {merged} clients and {stopped} entries of stop-lists less.")
    if said:
        print(f"\n    {len(said)} addresses are none that mail can be sent to. They were left as they are:")
        print("".join(f"        {line}\n" for line in said[:SHOWN]), end="")
        if len(said) > SHOWN:
            print(f"        … and {len(said) - SHOWN} more")


def batches(rows, *fields):
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", *fields)[:READ]):
        yield batch
        last = batch[-1][0]


def write(connection, statement, rows):
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)


def respell(model, connection):
    """Give each row its spelling and its key; say which addresses are none."""
    table = model._meta.db_table
    model.objects.update(address_key=Lower("email"))  # what nearly all are compared by
    said = []
    for batch in batches(model.objects, "email", "owner_id"):
        odd = []
        for pk, email, owner in batch:
            try:
                address = nearest(email)
                spelling, key = str(address), address.key
            except ValidationError:
                spelling, key = email, key_of(email)
                said.append(f"{model.__name__.lower()} {pk} of user {owner}: {ascii(email)[1:-1]}")
            if spelling != email or key != email.lower() or not key.isascii():
                odd.append((spelling, key, pk))
        write(connection, f"UPDATE {table} SET email = %s, address_key = %s WHERE id = %s", odd)
    return said


def twins_of(model):
    """Lists of the rows that are one mailbox of one owner, the oldest first."""
    rows = model.objects.order_by("owner_id", "address_key", "pk").values_list("owner_id", "address_key", "pk")
    for _key, same in groupby(rows.iterator(READ), key=lambda row: row[:2]):
        ids = [row[2] for row in same]
        if len(ids) > 1:
            yield ids


def merge_clients(apps, connection):
    client = apps.get_model("mailer", "Client")
    groups = iter(list(twins_of(client)))
    gone = 0
    while batch := list(islice(groups, MERGED)):
        kept_for = {twin: ids[0] for ids in batch for twin in ids[1:]}
        keep_words(client, batch)
        for owner, field in (("ClientGroup", "clientgroup_id"), ("Mailing", "mailing_id")):
            move_members(apps.get_model("mailer", owner).clients.through, field, kept_for)
        move_deliveries(apps.get_model("mailer", "Delivery"), connection, kept_for)
        client.objects.filter(pk__in=list(kept_for)).delete()
        gone += len(kept_for)
    return gone


def keep_words(model, batch):
    rows = model.objects.in_bulk([pk for ids in batch for pk in ids])
    changed = []
    for ids in batch:
        kept, *others = (rows[pk] for pk in ids)
        name = next((row.full_name for row in (kept, *others) if row.full_name), "")
        comments = dict.fromkeys(row.comment for row in (kept, *others) if row.comment)
        comment = "\n".join(comments)
        if len(comment) > LONGEST_COMMENT:
            comment = kept.comment or comment[:LONGEST_COMMENT]
        if (name, comment) != (kept.full_name, kept.comment):
            kept.full_name, kept.comment = name, comment
            changed.append(kept)
    model.objects.bulk_update(changed, ["full_name", "comment"])


def move_members(through, field, kept_for):
    rows = through.objects.filter(client_id__in=list(kept_for)).values_list("client_id", field)
    through.objects.bulk_create(
        [through(client_id=kept_for[client], **{field: other}) for client, other in rows], ignore_conflicts=True
    )


def move_deliveries(model, connection, kept_for):
    """Where both were mailed in one run, the second line of the report names no client any more."""
    taken = defaultdict(set)
    kept = model.objects.filter(client_id__in=set(kept_for.values()))
    for client, attempt in kept.values_list("client_id", "attempt_id"):
        taken[client].add(attempt)
    moved = []
    theirs = model.objects.filter(client_id__in=list(kept_for)).order_by("pk")
    for pk, client, attempt in theirs.values_list("pk", "client_id", "attempt_id"):
        if attempt not in taken[kept_for[client]]:
            taken[kept_for[client]].add(attempt)
            moved.append((kept_for[client], pk))
    write(connection, "UPDATE mailer_delivery SET client_id = %s WHERE id = %s", moved)


def merge_suppressions(model):
    groups = iter(list(twins_of(model)))
    gone = 0
    while batch := list(islice(groups, MERGED)):
        rows = model.objects.in_bulk([pk for ids in batch for pk in ids])
        for ids in batch:
            same = [rows[pk] for pk in ids]
            same[0].reason = min((row.reason for row in same), key=STRICTEST.index)
            same[0].created_at = min(row.created_at for row in same)
        model.objects.bulk_update([rows[ids[0]] for ids in batch], ["reason", "created_at"])
        twins = [pk for ids in batch for pk in ids[1:]]
        model.objects.filter(pk__in=twins).delete()
        gone += len(twins)
    return gone


def key_open_deliveries(model, connection):
    """What has not gone out yet is still looked up on the stop-list."""
    rows = model.objects.filter(status__in=("queued", "sending"))
    for batch in batches(rows, "email"):
        odd = [(key, pk) for pk, email in batch if (key := key_of(email)) != email]
        write(connection, "UPDATE mailer_delivery SET address_key = %s WHERE id = %s", odd)


class Migration(migrations.Migration):
    dependencies = [("mailer", "0005_address_key")]

    operations = [migrations.RunPython(one_spelling, migrations.RunPython.noop)]
