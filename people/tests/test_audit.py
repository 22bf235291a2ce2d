"""The audit trail: appended only, readable by managers."""

import contextlib
import sqlite3

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from mailer import mailings
from people.audit import opened, record
from people.models import AuditEntry
from people.models.audit import AppendOnly
from testing.factories import MailingFactory

Action = AuditEntry.Action


@pytest.fixture
def entry(owner):
    return record(actor=owner, action=Action.USER_EDITED, target=owner, detail="x" * 1000)


def test_what_is_written_stays(entry):
    attempts = (
        lambda: entry.save(),
        lambda: entry.delete(),
        lambda: AuditEntry.objects.all().delete(),
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(detail="nothing"),
    )
    for attempt in attempts:
        with pytest.raises(AppendOnly):
            attempt()
    assert AuditEntry.objects.get().detail == "x" * 500


def test_the_database_itself_refuses_to_change_it(entry):
    statements = ["UPDATE people_auditentry SET actor = 'nobody'", "DELETE FROM people_auditentry"]
    if connection.vendor == "postgresql":
        statements += ["TRUNCATE people_auditentry", "TRUNCATE people_auditentry CASCADE"]
    else:
        columns = "id, at, actor, action, target_type, target, detail"
        values = f"SELECT {columns.replace('actor', repr('nobody'))} FROM people_auditentry"
        statements.append(f"REPLACE INTO people_auditentry ({columns}) {values}")
    for statement in statements:
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert AuditEntry.objects.get().actor == "owner@example.com"


def test_flush_does_not_empty_it(entry):
    with pytest.raises(CommandError), transaction.atomic():
        call_command("flush", interactive=False, verbosity=0)
    assert AuditEntry.objects.count() == 1


def test_only_what_says_so_in_the_same_session_may_change_it(entry):
    with opened(), connection.cursor() as cursor:
        cursor.execute("UPDATE people_auditentry SET actor = ''")
    assert AuditEntry.objects.get().actor == ""
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM people_auditentry")


@pytest.mark.once
@pytest.mark.skipif(connection.vendor != "sqlite", reason="a file of SQLite")
@pytest.mark.django_db(transaction=True)
def test_another_program_cannot_change_the_file_either(entry):
    with contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        for statement in ("UPDATE people_auditentry SET actor = ''", "DELETE FROM people_auditentry"):
            with pytest.raises(sqlite3.Error, match="people_audit_open"):
                other.execute(statement)
        assert other.execute("SELECT actor FROM people_auditentry").fetchall() == [("owner@example.com",)]


def test_it_outlives_who_it_tells_of(entry, owner):
    owner.delete()
    assert str(AuditEntry.objects.get()) == "owner@example.com edited a user: owner@example.com"


def test_it_keeps_what_owners_do_to_their_mailings(owner):
    mailing = MailingFactory(message__owner=owner, message__subject="News")
    mailings.save_mailing(mailing, clients=[], groups=[])
    for _ in range(2):
        mailings.pause(mailing)
    for _ in range(2):
        mailings.resume(mailing)
    mailings.delete(mailing)
    assert list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "target")) == [
        ("owner@example.com", f"mailing_{what}", "News")
        for what in ("edited", "paused", "resumed", "deleted")
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("q=OWNER", 1),
        ("q=no-such", 0),
        ("action=user_blocked", 1),
        ("action=nonsense", 0),
        ("since=2100-01-01", 0),
        ("until=2100-01-01", 2),
        ("since=yesterday", 0),
    ],
)
def test_managers_read_and_filter_it(query, found, entry, manager, client_of):
    record(actor=manager, action=Action.USER_BLOCKED, target=manager, detail="<script>alert(1)</script>")
    answer = client_of(manager).get(f"/audit/?{query}")
    assert len(answer.context["table"].page.object_list) == found
    assert b"<script>alert" not in answer.content
