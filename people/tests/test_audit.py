"""The audit trail: appended only, readable by managers."""

import pytest
from django.db import DatabaseError, connection, transaction

from mailer import mailings
from mailer.tests.factories import MailingFactory
from people.audit import record
from people.models import AuditEntry
from people.models.audit import AppendOnly

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
    statements = ["UPDATE people_auditentry SET actor = 'nobody'"]
    if connection.vendor == "postgresql":
        statements.append("DELETE FROM people_auditentry")
    for statement in statements:
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert AuditEntry.objects.get().actor == "owner@example.com"


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
