"""One change to many clients: chosen by one statement, made in short transactions, undone where possible."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, QuerySet
from django.utils import timezone

from mailer.audience import tasks
from mailer.audience.membership import put_into
from mailer.audience.rules import BrokenRule, Known, Rule
from mailer.models import BulkAction, BulkBatch, Client, ClientGroup, Suppression
from people.models import User
from site_config.queue import after_commit
from site_config.shutdown import STOPPING
from site_config.ui.counting import count

AT_ONCE = 2_000  # clients; nobody waits in front of a screen for more
IN_ONE = {BulkAction.Kind.DELETE: 500}  # clients per transaction
USUAL = 5_000
SILENT = timedelta(minutes=1)  # without a sign of life, another worker goes on
Kind, Status, State = BulkAction.Kind, BulkAction.Status, BulkBatch.State


def begin(
    *,
    owner: User,
    kind: str,
    clients: QuerySet[Client],
    rule: list[dict[str, str]] | None = None,
    group: ClientGroup | None = None,
) -> BulkAction:
    """Do something to these clients of the owner, at once if they are few, otherwise in the background.

    `rule`: the conditions that find them, if they are all that match: of very many, even the choosing is
    left to the background.
    `group`: for kinds that need one; another owner's raises ValueError.
    """
    if (kind in BulkAction.IN_GROUP) != (group is not None) or (group and group.owner_id != owner.pk):
        raise ValueError("This needs a group of the owner's, or none.")
    with transaction.atomic():
        action = BulkAction.objects.create(owner=owner, kind=kind, group=group)
        if rule is not None and count(clients).more:
            action.rule = rule
        elif not clients.query.is_empty():
            action.total = _choose(action, clients)
        action.save(update_fields=["total", "rule"])
    if action.rule is None and action.total <= AT_ONCE:
        run(action.pk)
    else:
        after_commit(lambda: tasks.run_bulk(action.pk))
    action.refresh_from_db()
    return action


def _choose(action: BulkAction, clients: QuerySet[Client]) -> int:
    """Record whom it affects, by one INSERT … SELECT; return how many there are."""
    ids = clients.filter(owner=action.owner_id).order_by().values("pk").distinct()
    sql, params = ids.query.sql_with_params()
    gathered, length = {
        "postgresql": ("jsonb_agg(id ORDER BY id)", "jsonb_array_length(ids)"),
        "sqlite": ("json_group_array(id)", "json_array_length(ids)"),
    }[connection.vendor]
    size = IN_ONE.get(Kind(action.kind), USUAL)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH chosen (id) AS ({sql}),
            numbered AS (SELECT id, (row_number() OVER (ORDER BY id) - 1) / {size} AS part FROM chosen)
            INSERT INTO mailer_bulkbatch (action_id, ids, changed, state)
            SELECT %s, {gathered}, '[]', 0 FROM numbered GROUP BY part ORDER BY part
            """,  # noqa: S608  (made of constants and of Django's own)
            [*params, action.pk],
        )
        cursor.execute(
            f"SELECT coalesce(sum({length}), 0) FROM mailer_bulkbatch WHERE action_id = %s",  # noqa: S608
            [action.pk],
        )
        return int(cursor.fetchone()[0])


def run(action_id: int) -> None:
    """Do what is left of a change, or of its undo; safe to call at any time and from several workers."""
    while not STOPPING.is_set():
        action = BulkAction.objects.select_related("group", "owner").filter(pk=action_id).first()
        if action is None or not action.is_alive or not action.owner.is_active:
            return
        if action.is_choosing:
            _choose_by_rule(action)
            continue
        undoing = action.status == Status.UNDOING
        wanted, made = (State.DONE, State.UNDONE) if undoing else (State.OPEN, State.DONE)
        batch = action.batches.filter(state=wanted).order_by("pk").first()
        if batch is None:
            ended = Status.UNDONE if undoing else Status.FINISHED
            BulkAction.objects.filter(pk=action.pk, status=action.status).update(status=ended)
            return
        with transaction.atomic():
            if not BulkBatch.objects.filter(pk=batch.pk, state=wanted).update(state=made):
                continue  # another worker's
            sign = -1 if undoing else 1
            changed = _back(action, batch) if undoing else _forth(action, batch)
            # Stopped or reversed meanwhile: what this batch has done is rolled back.
            alive = BulkAction.objects.filter(pk=action.pk, status=action.status)
            if not alive.update(
                done=F("done") + sign * len(batch.ids),
                changed=F("changed") + sign * changed,
                alive_at=timezone.now(),
            ):
                transaction.set_rollback(True)


def _choose_by_rule(action: BulkAction) -> None:
    """Write down whom the filter finds; nobody if what it names is gone meanwhile."""
    known = Known(action.owner)
    with transaction.atomic():
        mine = BulkAction.objects.filter(pk=action.pk, status=Status.RUNNING, rule__isnull=False)
        if not mine.update(rule=None):
            return  # another worker's
        clients = Client.objects.owned_by(action.owner)
        try:
            if action.rule:
                clients = Rule.load(action.rule, known=known).among(clients, known=known)
        except BrokenRule:
            clients = clients.none()
        total = 0 if clients.query.is_empty() else _choose(action, clients)
        BulkAction.objects.filter(pk=action.pk).update(total=total, alive_at=timezone.now())


def _forth(action: BulkAction, batch: BulkBatch) -> int:
    clients = Client.objects.filter(owner=action.owner_id, pk__in=batch.ids)
    batch.changed = _MAKE[Kind(action.kind)](action, clients)
    BulkBatch.objects.filter(pk=batch.pk).update(changed=batch.changed)
    return len(batch.changed)


def _back(action: BulkAction, batch: BulkBatch) -> int:
    clients = Client.objects.filter(owner=action.owner_id, pk__in=batch.changed)
    if action.kind == Kind.JOIN and action.group:
        _members(action).filter(client_id__in=batch.changed).delete()
    elif action.kind == Kind.LEAVE and action.group:
        put_into(group=action.group, clients=clients)
    elif action.kind == Kind.STOP:
        keys = clients.values("address_key")
        stops = Suppression.objects.filter(owner=action.owner_id, address_key__in=keys)
        stops.filter(reason=Suppression.Reason.ADDED).delete()
    return len(batch.changed)


def _join(action: BulkAction, clients: QuerySet[Client]) -> list[int]:
    return put_into(group=action.group, clients=clients) if action.group else []


def _leave(action: BulkAction, clients: QuerySet[Client]) -> list[int]:
    members = _members(action).filter(client__in=clients)
    ids = list(members.order_by("client_id").values_list("client_id", flat=True))
    _members(action).filter(client_id__in=ids).delete()
    return ids


def _members(action: BulkAction) -> QuerySet[Any]:
    return ClientGroup.clients.through.objects.filter(clientgroup=action.group)


def _stop(action: BulkAction, clients: QuerySet[Client]) -> list[int]:
    paused = Suppression.Reason.PAUSED
    for_good = Suppression.objects.against_client().exclude(reason=paused)
    free = clients.filter(~Exists(for_good)).order_by("address_key")
    found = list(free.values_list("pk", "email", "address_key"))
    pauses = Suppression.objects.filter(owner=action.owner_id, address_key__in=[key for *_, key in found])
    pauses.filter(reason=paused).update(reason=Suppression.Reason.ADDED, until=None)
    Suppression.objects.bulk_create(
        [
            Suppression(
                owner_id=action.owner_id, email=email, address_key=key, reason=Suppression.Reason.ADDED
            )
            for _pk, email, key in found
        ],
        ignore_conflicts=True,
    )
    return [pk for pk, _email, _key in found]


def _delete(action: BulkAction, clients: QuerySet[Client]) -> list[int]:
    ids = list(clients.order_by("pk").values_list("pk", flat=True))
    Client.objects.filter(pk__in=ids).delete()
    return ids


_MAKE: dict[BulkAction.Kind, Callable[[BulkAction, QuerySet[Client]], list[int]]] = {
    Kind.JOIN: _join,
    Kind.LEAVE: _leave,
    Kind.STOP: _stop,
    Kind.DELETE: _delete,
}


def stop(*, action: BulkAction) -> bool:
    """End a change early; what was done stays, and can be undone. False if it has already ended."""
    going = BulkAction.objects.filter(pk=action.pk, status=Status.RUNNING)
    return bool(going.update(status=Status.STOPPED))


def undo(*, action: BulkAction) -> bool:
    """Reverse a change where it had an effect; False if that is impossible or was already done."""
    if not action.may_be_undone:
        return False
    ended = BulkAction.objects.filter(pk=action.pk, status__in=BulkAction.ENDED)
    if not ended.update(status=Status.UNDOING, alive_at=timezone.now()):
        return False
    if action.total <= AT_ONCE:
        run(action.pk)
    else:
        after_commit(lambda: tasks.run_bulk(action.pk))
    return True


def resume() -> None:
    """Queue the changes that no worker is processing."""
    silent = BulkAction.objects.alive().filter(alive_at__lt=timezone.now() - SILENT, owner__is_active=True)
    for pk in silent.values_list("pk", flat=True):
        tasks.run_bulk(pk)


def forget() -> int:
    """Delete changes older than a month, which nobody will undo."""
    old = BulkAction.objects.filter(created_at__lt=timezone.now() - timedelta(days=30))
    return old.exclude(status__in=BulkAction.ALIVE).delete()[0]
