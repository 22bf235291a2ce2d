"""One owner with very many clients beside one with a few, written by the database itself.

Every row is a copy of one that the models made, so that a new column needs nothing here: only what differs
between rows is named, as SQL over `n`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Min, Model
from django.utils import timezone

from mailer.models import (
    Attempt,
    Attribute,
    Client,
    ClientGroup,
    Delivery,
    DomainCount,
    Mailing,
    Message,
    Suppression,
)
from mailer.reporting.domains import count_domains
from people.models import User

FIRST = ("Anna", "Boris", "Carla", "Мария", "Elena", "Иван", "Igor", "Ольга", "Greta", "Пётр", "John")
LAST = ("Smith", "Petrov", "Garcia", "Иванова", "Müller", "Соколов", "Jones", "Кузнецова", "Novak")
CITIES = ("Tver", "Omsk", "Oslo", "Rome")
DOMAINS = ("example.com", "example.org", "mail.example.net")
RARE, RARE_CYRILLIC = "Zebulon Quixote", "Акакий Башмачкин"
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = 'mailer_client' AND indexdef LIKE '%USING gin%'
    OR tablename = 'mailer_delivery' AND indexname LIKE 'mailer_delivery_%' AND indexname NOT LIKE '%pkey'
"""
ONCE_PER_CLIENT = "mailer_delivery_once_per_client"  # a constraint; afterwards, its index is enough
RARE_EVERY = 400_000  # clients; at least two of each in every list
SINGLE_CLIENTS, MAILINGS = 3, 20
RUNS = 99  # beside the one whose deliveries are there
STOPPED_EVERY = 50
FAILED_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class Owned:
    """What one owner has, for the pages that show it."""

    owner: User
    group: ClientGroup
    ruled: ClientGroup
    mailing: Mailing
    attempt: Attempt
    clients: int


def build(owner: User, *, clients: int, ledgers: int = 0) -> Owned:
    """Give an owner this many clients, half of them in a group, mailings to it, and a run to all.

    So many of the earlier runs get deliveries as well.
    """
    add_clients(owner, clients)
    group = ClientGroup.objects.create(owner=owner, name="Half of them")
    _into(ClientGroup.clients.through, {"clientgroup_id": group.pk, "client_id": "c.id"}, _of(owner, every=2))
    ruled = add_rule(owner)
    mailings = [_mailing(owner, group, number) for number in range(MAILINGS)]
    stopped = Suppression.objects.create(owner=owner, email="template@example.com", reason="bounced")
    reasons = "WHEN 0 THEN 'bounced' WHEN 1 THEN 'complained' ELSE 'unsubscribed'"
    reason = f"CASE (c.id / {STOPPED_EVERY}) % 3 {reasons} END"
    copy(stopped, _of(owner, every=STOPPED_EVERY), {"email": "c.email", "reason": reason, **_key("c.email")})
    stopped.delete()
    add_runs(mailings[-1], mails=clients)
    attempt = add_attempt(mailings[-1])
    add_ledgers(attempt, number=ledgers)
    return Owned(owner=owner, group=group, ruled=ruled, mailing=mailings[0], attempt=attempt, clients=clients)


def add_rule(owner: User) -> ClientGroup:
    """A group by a rule that finds a fifth of the clients."""
    for key, kind in (("city", "text"), ("age", "number")):
        Attribute.objects.create(owner=owner, key=key, kind=kind)
    rule = [
        {"what": "attribute:city", "test": "", "value": "Tver"},
        {"what": "attribute:age", "test": "from", "value": "18"},
        {"what": "stop", "test": "is", "value": "no"},
    ]
    return ClientGroup.objects.create(owner=owner, name="Grown up in Tver", rule=rule)


@contextmanager
def indexed_at_the_end() -> Iterator[None]:
    """Row by row, the indexes of trigrams, attributes and deliveries take most of the time."""
    with connection.cursor() as cursor:
        cursor.execute(INDEXES if connection.vendor == "postgresql" else "SELECT '', '' WHERE false")
        found = cursor.fetchall()
        if found:
            # Written once and never updated, it needs no room for that; nor a log.
            cursor.execute("ALTER TABLE mailer_delivery SET (fillfactor = 100)")
            cursor.execute("ALTER TABLE mailer_delivery SET UNLOGGED")
        for name, _definition in found:
            if name == ONCE_PER_CLIENT:
                cursor.execute(f"ALTER TABLE mailer_delivery DROP CONSTRAINT {name}")
            else:
                cursor.execute(f"DROP INDEX {name}")
        yield
        if found:
            cursor.execute("SET maintenance_work_mem = '512MB'")
        for _name, definition in found:
            cursor.execute(definition)


def add_clients(owner: User, number: int) -> None:
    template = Client.objects.create(owner=owner, email="template@example.com")
    email = f"{_one_of(('anna', 'boris', 'carla', 'ivan', 'olga'))} || '.' || n || '@' || {_one_of(DOMAINS)}"
    name = f"{_one_of(FIRST)} || ' ' || {_one_of(LAST)} || ' ' || n % 97"
    every = min(RARE_EVERY, number // 2)
    rare = f"CASE n % {every} WHEN 1 THEN '{RARE}' WHEN 2 THEN '{RARE_CYRILLIC}' ELSE {name} END"
    city = f"CASE WHEN n % {every} < 3 THEN 'Atlantis' ELSE {_one_of(CITIES)} END"
    attributes = _object(city=city, age="n % 80")
    columns = {
        "email": email, "full_name": rare, "attributes": attributes, "form_key": _random(), **_key(email)
    }  # fmt: skip
    copy(template, _numbers(number), columns)
    template.delete()


def add_attempt(mailing: Mailing, *, hours_ago: int = 1) -> Attempt:
    """A finished run of a mailing to all clients of its owner."""
    moment = timezone.now() - timedelta(hours=hours_ago)
    attempt = Attempt.objects.create(
        mailing=mailing, scheduled_for=moment, started_at=moment, finished_at=moment,
        status=Attempt.Status.SUCCEEDED, subject=mailing.message.subject, body=mailing.message.body,
        format=mailing.message.format,
    )  # fmt: skip
    template = Delivery.objects.create(
        attempt=attempt, email="template@example.com", message_id="<template>", status=Delivery.Status.SENT,
        next_try_at=moment, response="250 2.0.0 OK", finished_at=moment, tries=1,
    )  # fmt: skip
    failed = f"c.id % {FAILED_EVERY} = 7"
    columns = {
        "client_id": "c.id",
        "email": "c.email",
        "full_name": "c.full_name",
        "message_id": f"'<' || c.id || '.{attempt.key}@example.com>'",
        "status": f"CASE WHEN {failed} THEN 'failed' ELSE 'sent' END",
        "next_try_at": f"CASE WHEN {failed} THEN NULL ELSE t.next_try_at END",
    }
    copy(template, _of(mailing.owner), columns)
    template.delete()
    sent = Delivery.objects.filter(attempt=attempt, status=Delivery.Status.SENT).count()
    total = Delivery.objects.filter(attempt=attempt).count()
    Attempt.objects.filter(pk=attempt.pk).update(
        total=total, sent=sent, failed=total - sent, answers={"250 2.0.0 OK": sent}
    )
    count_domains(attempt.pk)
    return attempt


def add_runs(mailing: Mailing, *, mails: int) -> None:
    """Finished runs with what they counted, as they are when their ledger is pruned."""
    domains = []
    for number in range(RUNS):
        moment = timezone.now() - timedelta(hours=7 * (number + 1))
        attempt = Attempt.objects.create(
            mailing=mailing, scheduled_for=moment, started_at=moment, finished_at=moment, status="partly",
            subject=mailing.message.subject, body=mailing.message.body, format=mailing.message.format,
            pruned_at=moment, total=mails, sent=mails - mails // 10, failed=mails // 10,
            answers={f"550 5.1.1 no such user {n}": mails // 500 for n in range(49)},
        )  # fmt: skip
        domains += [
            DomainCount(attempt=attempt, domain=f"{n}.example.com", total=mails // 50, sent=9, failed=1)
            for n in range(50)
        ]
    DomainCount.objects.bulk_create(domains)


def add_ledgers(attempt: Attempt, *, number: int) -> None:
    """Give earlier runs of a mailing the deliveries of this one, and what they count."""
    attempt.refresh_from_db()
    first, last = attempt.deliveries.aggregate(Min("pk"), Max("pk")).values()
    names = [field.column for field in Delivery._meta.local_concrete_fields if not field.primary_key]
    counts = {name: getattr(attempt, name) for name in ("total", "sent", "failed")}
    domains = attempt.domain_counts.values("domain", "total", "sent", "failed")
    for run in attempt.mailing.attempts.exclude(pk=attempt.pk)[:number]:
        own = {"attempt_id": str(run.pk), "message_id": f"replace(message_id, '{attempt.key}', '{run.key}')"}
        _into(
            Delivery, {name: own.get(name, name) for name in names},
            f"mailer_delivery WHERE id BETWEEN {first} AND {last} ORDER BY id",
        )  # fmt: skip
        Attempt.objects.filter(pk=run.pk).update(pruned_at=None, **counts)
        run.domain_counts.all().delete()
        DomainCount.objects.bulk_create(DomainCount(attempt=run, **row) for row in domains)


def analyse() -> None:
    """Bring the planner's statistics up to date, as autovacuum does within minutes."""
    with connection.cursor() as cursor:
        alone = connection.vendor == "postgresql" and not connection.in_atomic_block
        cursor.execute("VACUUM ANALYZE" if alone else "ANALYZE")


def copy(template: Model, source: str, columns: dict[str, Any]) -> None:
    """Copy a row once for each row of `source`, with these columns' values in its place."""
    table = template._meta.db_table
    names = [field.column for field in template._meta.local_concrete_fields if not field.primary_key]
    values = ", ".join(str(columns.get(name, f"t.{name}")) for name in names)
    joined = f"{source} AND" if " WHERE " in source else f"{source} WHERE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} "
            f"FROM {table} t, {joined} t.id = {template.pk}"
        )


def _into(model: type[Model], columns: dict[str, Any], source: str) -> None:
    values = ", ".join(str(value) for value in columns.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) SELECT {values} FROM {source}"
        )


def _mailing(owner: User, group: ClientGroup, number: int) -> Mailing:
    message = Message.objects.create(owner=owner, subject=f"News {number}", body="<p>Hello</p>")
    start = timezone.now() + timedelta(days=1 + number)
    mailing = Mailing.objects.create(
        owner=owner, message=message, name=message.subject, starts_at=start, time_zone="UTC",
        next_run_at=start,
    )  # fmt: skip
    mailing.groups.add(group)
    mailing.clients.add(*Client.objects.owned_by(owner).order_by("pk")[:SINGLE_CLIENTS])
    return mailing


def _of(owner: User, *, every: int = 1) -> str:
    return f"mailer_client c WHERE c.owner_id = {owner.pk} AND c.id % {every} = 0"


def _numbers(number: int) -> str:
    if connection.vendor == "postgresql":
        return f"generate_series(1, {number}) AS n"
    return (
        "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
        f"LIMIT {number}) SELECT n FROM numbers)"
    )


def _random() -> str:
    return "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"


def _object(**values: str) -> str:
    make = "jsonb_build_object" if connection.vendor == "postgresql" else "json_object"
    pairs = (f"'{key}', {value}" for key, value in values.items())
    return f"{make}({', '.join(pairs)})"


def _one_of(words: tuple[str, ...]) -> str:
    whens = " ".join(f"WHEN {number} THEN '{word}'" for number, word in enumerate(words))
    return f"CASE n % {len(words)} {whens} END"


def _key(email: str) -> dict[str, str]:
    """The canonical spelling, where the model keeps one: these addresses are plain."""
    return {"address_key": f"lower({email})"}
