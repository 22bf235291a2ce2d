"""The database away for longer than a lease lives: whoever holds one may live, and has time to say so."""

from datetime import timedelta
from threading import Thread
from time import monotonic

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from mailer.models import Lease
from mailer.sending import clock, database, dispatcher, leases, sweep, worker
from mailer.sending.claims import LedgerClaims
from testing.factories import ClientFactory
from testing.sending import clients, come_by, make_mailing, start
from testing.sessions import another_session

pytestmark = pytest.mark.django_db(transaction=True)
AWAY = OperationalError("the server closed the connection\n\tThis probably means …")


@pytest.fixture
def with_one_in_hand(owner, smtp, monkeypatch):
    """A run of which a worker has claimed a mail; its lease is over."""
    monkeypatch.setattr(leases, "_queue", lambda *_: None)
    attempt = make_mailing(owner, [ClientFactory(owner=owner)]).attempts.get()
    lease = Lease.objects.get()
    leases.take(lease.token)
    LedgerClaims(attempt=attempt, token=lease.token).record_and_claim(claim=9)
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    return attempt


def in_hand(attempt):
    return attempt.deliveries.filter(status="sending").count()


def test_while_it_is_away_and_for_as_long_as_a_lease_lives_no_worker_counts_as_lost(
    with_one_in_hand, monkeypatch
):
    database.note_away(AWAY)
    come_by()
    assert in_hand(with_one_in_hand) == 1
    database.note_back()
    come_by()
    assert in_hand(with_one_in_hand) == 1
    monkeypatch.setattr(database._known, "back_at", monotonic() - leases.RUNNING.total_seconds())
    come_by()
    assert in_hand(with_one_in_hand) == 0
    with_one_in_hand.refresh_from_db()
    assert with_one_in_hand.possibly_twice == 1


def test_a_database_that_was_silent_was_so_for_other_workers_as_well(with_one_in_hand, monkeypatch):
    silence = database.Silence()
    monkeypatch.setattr(silence, "_heard_at", monotonic() - database.SILENCE_SECONDS - 1)
    dispatcher.look(silence)
    assert in_hand(with_one_in_hand) == 1


def test_it_is_said_once_that_it_is_away_and_once_that_it_is_back(caplog):
    for _ in range(3):
        database.note_away(AWAY)
    database.note_back()
    database.note_back()
    assert [record.message.partition(" after")[0] for record in caplog.records] == [
        "the database is away, waiting for it: the server closed the connection",
        "the database is back",
    ]


def test_a_process_without_a_connection_leaves_its_tasks_to_others_at_once(owner, rough, monkeypatch):
    """Where connections are few, another process may have the one that is missing here."""
    queued = []
    monkeypatch.setattr(leases, "_queue", lambda *args: queued.append(args[:2]))
    monkeypatch.setattr(database, "PAUSE_SECONDS", 0)
    attempt = start(owner, 3)
    take = leases.take
    refusals = [OperationalError("FATAL: too many connections for role")]

    def take_or_not(token):
        if refusals:
            raise refusals.pop()
        return take(token)

    monkeypatch.setattr(leases, "take", take_or_not)
    tasks = iter(queued)
    worker.send_attempt(*next(tasks))
    worker.send_attempt(*next(tasks))  # another thread does not even ask: that may take seconds
    assert (queued[1:], rough.taken, database.is_noted_away()) == (queued[:1] * 2, [], True)
    monkeypatch.setattr(database._known, "refused_at", monotonic() - database.REFUSED_SECONDS)
    for task in tasks:
        worker.send_attempt(*task)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, database.is_noted_away()) == ("succeeded", 3, False)


@pytest.fixture
def one_clock(monkeypatch):
    """The database's, as in a consumer; tests that move the time have none but the machine's."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no clock of its own")
    monkeypatch.setattr(clock, "_known", None)
    clock.synchronise()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_wrong_changes_nothing(owner, rough, time_machine, one_clock, hours):
    """Before the run, and in the middle of it."""
    right = timezone.now()

    def answer(_session, verb, _line):
        if verb == "DOT" and len(rough.taken) == 10:
            time_machine.move_to(right - timedelta(hours=hours))

    rough.answer = answer
    time_machine.move_to(right + timedelta(hours=hours))
    mailing = make_mailing(owner, clients(owner, 30), starts_at=right - timedelta(minutes=1))
    come_by()
    attempt = mailing.attempts.get()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 30, 0)
    assert len(rough.recipients) == len(set(rough.recipients)) == 30
    assert abs(attempt.started_at - right) < timedelta(minutes=1)
    assert abs(attempt.finished_at - right) < timedelta(minutes=1)


def test_a_site_whose_clock_is_fast_delays_nobody(owner, rough, time_machine, one_clock, monkeypatch):
    """Its processes do not ask the database for the time."""
    monkeypatch.setattr(leases, "_queue", lambda *_: None)
    consumers_clock = clock._known
    monkeypatch.setattr(clock, "_known", None)
    time_machine.move_to(timezone.now() + timedelta(hours=1))
    attempt = start(owner, 3)
    monkeypatch.setattr(clock, "_known", consumers_clock)
    while lease := Lease.objects.first():
        worker.send_attempt(attempt.pk, lease.token)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("succeeded", 3)


@pytest.fixture
def elsewhere():
    """A session of somebody else's."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    with another_session() as other:
        yield other


def test_a_mailing_that_another_session_holds_keeps_no_worker(owner, rough, monkeypatch, elsewhere):
    """Its run is sent, and closed by the sweep when the row is free; the sweep goes on with the others."""
    queued = []
    monkeypatch.setattr(leases, "_queue", lambda *args: queued.append(args[:2]))
    attempt = start(owner, 3)
    elsewhere.execute("SELECT 1 FROM mailer_mailing WHERE id = %s FOR UPDATE", [attempt.mailing_id])
    began = monotonic()
    worker.send_attempt(*queued[0])
    assert monotonic() - began < 6
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("running", 3)

    sweeping = Thread(target=_sweep)
    sweeping.start()
    sweeping.join(6)
    assert not sweeping.is_alive()
    elsewhere.rollback()
    come_by()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("succeeded", 3)


def _sweep():
    from site_config import connections

    with connections.brief_locks():
        sweep.sweep()
    connection.close()
