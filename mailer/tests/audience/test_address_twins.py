"""The migration that makes one row of those that are one mailbox, from rows as they were made before."""

import importlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from people.audit import opened
from testing.flush import empty

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [
    ("mailer", "0004_refusals"),
    ("people", "0001_initial"),
    ("account", "0009_emailaddress_unique_primary_email"),
]
AFTER = [
    ("mailer", "0007_one_row_an_address"),
    ("people", "0003_account_address_unique"),
    ("account", "0009_emailaddress_unique_primary_email"),
]
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def as_it_was(django_db_setup, django_db_blocker):
    """The newest tables are there again when all of these tests are done: making them anew takes seconds."""
    yield
    with django_db_blocker.unblock():
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def before(as_it_was, transactional_db):
    """The models as they were."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    with opened():
        empty()  # what a test left must not stand in the way of another state


def migrate():
    executor = MigrationExecutor(connection)
    executor.migrate(AFTER)
    return executor.loader.project_state(AFTER).apps


def owner_of(apps, email="owner@example.com"):
    return apps.get_model("people", "User").objects.create(email=email, password="x")


def mailing_of(apps, owner):
    message = apps.get_model("mailer", "Message").objects.create(owner=owner, subject="S", body="x")
    return apps.get_model("mailer", "Mailing").objects.create(
        owner=owner, message=message, starts_at=DAY, ends_at=DAY + timedelta(days=9), time_zone="UTC"
    )


def attempt_of(apps, mailing, number, status):
    return apps.get_model("mailer", "Attempt").objects.create(
        mailing=mailing,
        scheduled_for=DAY + timedelta(days=number),
        started_at=DAY,
        subject="S",
        body="x",
        status=status,
    )


def test_twins_become_one_client_with_all_that_was_theirs(before, capsys):
    owner, other = owner_of(before), owner_of(before, "other@example.com")
    model = before.get_model("mailer", "Client")
    one = model.objects.create(owner=owner, email="n16@example.com", comment="first")
    two = model.objects.create(owner=owner, email="n16@\uff45xample.com", full_name="Bob", comment="second")
    three = model.objects.create(
        owner=owner, email="N16@exam\u00adple.com", full_name="Robert", comment="first"
    )
    alone = model.objects.create(owner=owner, email="n14@straße.example", full_name="Eszett")
    near = model.objects.create(owner=owner, email="n14@strasse.example")
    foreign = model.objects.create(owner=other, email="n16@\uff45xample.com", full_name="Foreign")
    lost = model.objects.create(owner=owner, email="a@victim.com＞\u3000NOTIFY＝NEVER＜b.org")
    group_model = before.get_model("mailer", "ClientGroup")
    groups = [group_model.objects.create(owner=owner, name=name) for name in "ABC"]
    groups[0].clients.set([one, two])
    groups[1].clients.set([two, three, alone])
    mailing = mailing_of(before, owner)
    mailing.clients.set([three, near])
    first, second = (
        attempt_of(before, mailing, number, status) for number, status in enumerate(("succeeded", "running"))
    )
    delivery = before.get_model("mailer", "Delivery")

    def row(attempt, client, **how):
        return delivery.objects.create(
            attempt=attempt,
            client=client,
            email=client.email,
            message_id=f"<{attempt.pk}.{client.pk}@x>",
            **how,
        )

    row(first, one, status="sent")
    row(first, two, status="sent")
    row(second, two, status="sent")
    row(second, alone, status="queued", next_try_at=DAY)
    row(second, near, status="queued", next_try_at=DAY)

    after = migrate()
    rows = after.get_model("mailer", "Client").objects.order_by("pk")
    assert list(rows.values_list("pk", "email", "full_name", "comment", "address_key")) == [
        (one.pk, "n16@example.com", "Bob", "first\nsecond", "n16@example.com"),
        (alone.pk, "n14@straße.example", "Eszett", "", "n14@xn--strae-oqa.example"),
        (near.pk, "n14@strasse.example", "", "", "n14@strasse.example"),
        (foreign.pk, "n16@example.com", "Foreign", "", "n16@example.com"),
        (lost.pk, lost.email, "", "", lost.email.lower()),
    ]
    group_model = after.get_model("mailer", "ClientGroup")
    assert [sorted(c.pk for c in g.clients.all()) for g in group_model.objects.order_by("name")] == [
        [one.pk],
        [one.pk, alone.pk],
        [],
    ]
    mailed = after.get_model("mailer", "Mailing").objects.get().clients.order_by("pk")
    assert [client.pk for client in mailed] == [one.pk, near.pk]
    rows = after.get_model("mailer", "Delivery").objects.order_by("pk")
    assert list(rows.values_list("attempt", "client", "email", "address_key")) == [
        (first.pk, one.pk, "n16@example.com", None),
        (first.pk, None, "n16@\uff45xample.com", None),
        (second.pk, one.pk, "n16@\uff45xample.com", None),
        (second.pk, alone.pk, "n14@straße.example", "n14@xn--strae-oqa.example"),
        (second.pk, near.pk, "n14@strasse.example", None),
    ]
    said = capsys.readouterr().out
    assert "Made one of several spellings: 2 clients and 0 entries of stop-lists less." in said
    assert "1 addresses are none that mail can be sent to." in said
    assert f"client {lost.pk} of user {owner.pk}: a@victim.com\\uff1e" in said


@pytest.mark.parametrize(
    ("reasons", "kept"),
    [
        (("bounced", "unsubscribed"), "unsubscribed"),
        (("unsubscribed", "bounced"), "unsubscribed"),
        (("unsubscribed", "complained", "bounced"), "complained"),
    ],
)
def test_on_the_stop_list_the_stricter_reason_wins_and_the_earlier_day(before, capsys, reasons, kept):
    owner = owner_of(before)
    model = before.get_model("mailer", "Suppression")
    spellings = ("stopped@stop-me.\uff45xample", "stopped@stop-me.example", "stopped@stop-me\u3002example")
    for number, (reason, email) in enumerate(zip(reasons, spellings, strict=False)):
        row = model.objects.create(owner=owner, email=email, reason=reason)
        model.objects.filter(pk=row.pk).update(created_at=DAY - timedelta(days=number))
    after = migrate().get_model("mailer", "Suppression")
    row = after.objects.get()
    assert (row.email, row.reason, row.created_at) == (
        "stopped@stop-me.example",
        kept,
        DAY - timedelta(days=len(reasons) - 1),
    )
    assert row.address_key == "stopped@stop-me.example"
    assert f"0 clients and {len(reasons) - 1} entries of stop-lists less" in capsys.readouterr().out


def test_nothing_is_said_where_nothing_was_to_be_done(before, capsys):
    owner = owner_of(before)
    before.get_model("mailer", "Client").objects.create(owner=owner, email="Anna@example.org")
    after = migrate().get_model("mailer", "Client")
    assert list(after.objects.values_list("email", "address_key")) == [
        ("Anna@example.org", "anna@example.org")
    ]
    assert "spellings" not in capsys.readouterr().out


def test_an_account_keeps_the_mailbox_that_confirmed_it(before, capsys):
    addresses = before.get_model("account", "EmailAddress")
    emails = [
        "demo@example.com",
        "demo@\uff45xample.com",
        "user@straße.example",
        "user@xn--bcher-kva.example",
        "zero@exam\u200bple.com",
        '"quoted"@example.com',
    ]
    users = [owner_of(before, email) for email in emails]
    for user in users:
        addresses.objects.create(user=user, email=user.email, verified=True, primary=True)
    after = migrate()
    kept = [
        "demo@example.com",
        "demo@\uff45xample.com",
        "user@strasse.example",
        "user@bücher.example",
        "zero@example.com",
        '"quoted"@example.com',
    ]
    for model, name in (("people", "User"), ("account", "EmailAddress")):
        rows = after.get_model(model, name).objects.order_by("pk")
        assert list(rows.values_list("email", flat=True)) == kept
    said = capsys.readouterr().out
    assert f"user {users[1].pk}: demo@\\uff45xample.com is the mailbox of user {users[0].pk}" in said
    assert f"user {users[5].pk}: " in said


def test_many_twins_take_a_bounded_number_of_queries(before, django_assert_max_num_queries):
    owner = owner_of(before)
    model = before.get_model("mailer", "Client")
    for address in ("c%d@example.com", "c%d@\uff45xample.com"):
        model.objects.bulk_create([model(owner=owner, email=address % n) for n in range(1200)])
    migrate_twins = importlib.import_module("mailer.migrations.0006_address_twins")
    executor = MigrationExecutor(connection)
    executor.migrate([("mailer", "0005_address_key")])
    apps = executor.loader.project_state([("mailer", "0005_address_key")]).apps
    with connection.schema_editor() as editor, django_assert_max_num_queries(150):
        migrate_twins.one_spelling(apps, editor)
    assert apps.get_model("mailer", "Client").objects.count() == 1200
