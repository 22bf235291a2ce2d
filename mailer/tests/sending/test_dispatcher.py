"""One mailing's trouble is never another's: opening, each for itself and each owner in turn."""

from datetime import datetime, timedelta
from threading import Event
from time import monotonic, sleep

import psycopg
import pytest
from django.db import InternalError, OperationalError, connection
from django.utils import timezone

from mailer import tasks
from mailer.models import Attempt, Consumer, Lease, Mailing
from mailer.sending import clock, consumers, database, dispatcher, leases, ledger_writer, without_queue
from mailer.sending.claims import LedgerClaims
from mailer.sending.opening import run_now
from mailer.transport import trust
from testing.factories import ClientFactory, MailingFactory
from testing.sending import start
from testing.sessions import another_session

pytestmark = pytest.mark.django_db(transaction=True)


def due(owner, number, **fields):
    """Mailings of one owner that are due now, and each has somebody to mail."""
    client = ClientFactory(owner=owner)
    now = timezone.now()
    rows = []
    for n in range(number):
        row = MailingFactory(
            message__owner=owner,
            starts_at=now - timedelta(minutes=5),
            ends_at=now + timedelta(days=1),
            **fields,
        )
        row.clients.add(client)
        Mailing.objects.filter(pk=row.pk).update(next_run_at=now - timedelta(seconds=60 - n))
        rows.append(row)
    return rows


def opened():
    return set(Mailing.objects.filter(attempts__isnull=False).values_list("pk", flat=True))


def test_a_mailing_that_cannot_be_opened_keeps_no_other_waiting(owner, smtp, time_machine):
    broken, *sound = due(owner, 4)
    Mailing.objects.filter(pk=broken.pk).update(time_zone="Mars/Olympus")
    dispatcher.look()
    assert opened() == {row.pk for row in sound}
    broken.refresh_from_db()
    assert broken.opening_failures == 1
    assert "Mars/Olympus" in broken.opening_problem
    assert 55 < (broken.opening_retry_at - clock.now()).total_seconds() <= 60

    dispatcher.look()
    broken.refresh_from_db()
    assert broken.opening_failures == 1, "not before its pause is over"
    time_machine.move_to(timezone.now() + timedelta(seconds=61))
    dispatcher.look()
    broken.refresh_from_db()
    assert broken.opening_failures == 2
    assert 115 < (broken.opening_retry_at - clock.now()).total_seconds() <= 120

    Mailing.objects.filter(pk=broken.pk).update(time_zone="Europe/Moscow")
    time_machine.move_to(timezone.now() + timedelta(seconds=121))
    dispatcher.look()
    broken.refresh_from_db()
    assert opened() >= {broken.pk}
    assert (broken.opening_failures, broken.opening_problem, broken.opening_retry_at) == (0, "", None)


def test_a_row_that_another_session_holds_keeps_no_other_waiting(owner, smtp):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    held, *free = due(owner, 3)
    with another_session() as other:
        other.execute("SELECT 1 FROM mailer_mailing WHERE id = %s FOR UPDATE", [held.pk])
        began = monotonic()
        dispatcher.look()
        assert monotonic() - began < 3
        assert opened() == {row.pk for row in free}
    dispatcher.look()
    assert opened() == {row.pk for row in (held, *free)}


def test_owners_are_opened_in_turn(owner, stranger):
    first, second = due(owner, 5), due(stranger, 2)
    order = dispatcher.due_in_turn()
    assert order == [first[0].pk, second[0].pk, first[1].pk, second[1].pk, *(row.pk for row in first[2:])]


def test_a_worker_waits_for_a_database_that_takes_no_writes(owner, rough, monkeypatch):
    """A failover leaves the old server read-only for a while: nothing is sent twice for that."""
    refused = []
    record = LedgerClaims.record_and_claim

    def read_only(claims, results=(), *, claim=0):
        if results and len(refused) < 3:
            refused.append(1)
            error = InternalError("cannot execute UPDATE in a read-only transaction")
            error.__cause__ = psycopg.errors.ReadOnlySqlTransaction()
            raise error
        return record(claims, results, claim=claim)

    monkeypatch.setattr(LedgerClaims, "record_and_claim", read_only)
    monkeypatch.setattr(ledger_writer, "DATABASE_PAUSE_SECONDS", 0)
    attempt = start(owner, 250)
    assert len(refused) == 3
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 250, 0)
    assert len(rough.recipients) == len(set(rough.recipients)) == 250


def test_what_is_asked_of_a_database_that_is_away_is_asked_again(monkeypatch):
    monkeypatch.setattr(database, "PAUSE_SECONDS", 0)
    answers = [psycopg.OperationalError, psycopg.OperationalError, None]

    def ask():
        error = answers.pop(0)
        if error:
            raise OperationalError("the server closed the connection")
        return "back"

    assert database.retry_while_away(ask) == "back"
    assert answers == []


def test_while_the_queue_is_away_leases_are_enough(owner, stranger, rough, monkeypatch):
    """Threads of the consumer take what waits; they end when the queue is back."""
    monkeypatch.setattr("mailer.sending.leases._queue", lambda *_: None)
    attempts = [start(owner, 5), start(stranger, 5)]
    assert rough.taken == []
    away = Event()
    away.set()
    monkeypatch.setattr(without_queue, "queue_is_away", away.is_set)
    without_queue.keep_sending()
    end = monotonic() + 20
    while Attempt.objects.running().exists() and monotonic() < end:
        sleep(0.05)
    away.clear()
    for thread in without_queue._threads:
        thread.join(5)
        assert not thread.is_alive()
    for attempt in attempts:
        attempt.refresh_from_db()
        assert (attempt.status, attempt.sent) == ("succeeded", 5)
    assert len(rough.recipients) == 10


def test_a_consumer_says_that_it_lives_and_whom_it_distrusts(db):
    trust.forget()
    trust.distrust(("mail.example.com", 25), ["CHUNKING"])
    consumers.beat()
    consumers.beat()
    [row] = consumers.alive()
    [[server, name, until]] = row.distrusted
    assert (server, name) == ("mail.example.com:25", "CHUNKING")
    assert 3500 < (datetime.fromisoformat(until) - clock.now()).total_seconds() <= 3600
    Consumer.objects.update(seen_at=clock.now() - timedelta(seconds=21))
    assert not consumers.alive()
    consumers.gone()
    assert not Consumer.objects.exists()
    trust.forget()


@pytest.fixture
def queued(monkeypatch):
    """Tasks that are queued and not begun: (attempt, token, …, priority)."""
    put = []
    monkeypatch.setattr("mailer.sending.leases._queue", lambda *task: put.append(task))
    return put


def test_a_late_task_is_not_queued_again_and_again(owner, smtp, queued, monkeypatch, time_machine):
    """While others stand in the queue it may only be late; one is tried again, in case it is lost."""
    due(owner, 5)
    dispatcher.look()
    first, *_ = begun = list(queued)
    assert len(begun) == 5
    monkeypatch.setattr(leases, "is_backed_up", lambda: True)
    time_machine.move_to(timezone.now() + timedelta(seconds=31))
    leases.queue_late()
    leases.queue_late()
    assert queued[5:] == [first[:2]]

    monkeypatch.setattr(leases, "is_backed_up", lambda: False)
    time_machine.move_to(timezone.now() + timedelta(seconds=31))
    leases.queue_late()
    leases.queue_late()
    assert queued[6:] == [task[:2] for task in begun], "an empty queue has lost them all"


def test_a_start_of_the_consumer_queues_nothing_that_stands_in_the_queue(owner, smtp, queued, monkeypatch):
    due(owner, 2)
    dispatcher.look()
    monkeypatch.setattr(leases, "is_backed_up", lambda: True)
    leases.queue_again()
    assert len(queued) == 2
    monkeypatch.setattr(leases, "is_backed_up", lambda: False)
    leases.queue_again()
    assert len(queued) == 4


def test_one_owners_many_do_not_fill_the_queue(owner, stranger, smtp, queued, monkeypatch):
    monkeypatch.setattr(dispatcher, "MOST_WAITING", 2)
    many, one = due(owner, 4), due(stranger, 1)
    dispatcher.look()
    assert opened() == {row.pk for row in (*many, *one)}, "what is looked at once is opened"
    more, another = due(owner, 1), due(stranger, 1)
    dispatcher.look()
    assert opened() == {row.pk for row in (*many, *one, *another)}

    Lease.objects.all().update(running=True)
    dispatcher.look()
    assert opened() >= {row.pk for row in more}


def test_who_presses_start_now_is_served_before_what_waits(owner, stranger, smtp, queued):
    due(owner, 3)
    dispatcher.look()
    [mailing] = due(stranger, 1)
    attempt = run_now(mailing=mailing, after=None)
    assert [(task[0], task[3]) for task in queued[3:]] == [(attempt.pk, tasks.URGENT)]
    assert {task[3:] for task in queued[:3]} == {(0,)}


def test_two_dispatchers_begin_at_different_places(owner, smtp, queued, monkeypatch):
    monkeypatch.setattr(dispatcher, "IN_A_ROW", 2)
    rows = due(owner, 6)
    monkeypatch.setattr("mailer.sending.dispatcher.random.randrange", lambda *_: 4)
    began = []
    monkeypatch.setattr(dispatcher, "open_one", began.append)
    Mailing.objects.filter(pk=rows[1].pk).update(next_run_at=None)  # opened by the other meanwhile
    dispatcher._open_all([row.pk for row in rows])
    assert began == [rows[n].pk for n in (4, 5, 0, 2, 3)]


@pytest.mark.parametrize("tasks_wait", [True, False])
def test_who_opens_leaves_a_third_of_the_time_to_what_is_opened(owner, smtp, queued, monkeypatch, tasks_wait):
    monkeypatch.setattr(dispatcher, "IN_A_ROW", 2)
    rows = due(owner, 4)
    asked, waited, now = [], [], [0.0]
    took = iter([0.25, 0.25, 20, 0.25])  # the third is a large one

    def open_one(_):
        now[0] += next(took)

    monkeypatch.setattr(dispatcher, "open_one", open_one)
    monkeypatch.setattr(dispatcher, "monotonic", lambda: now[0])
    monkeypatch.setattr(dispatcher, "is_backed_up", lambda by: asked.append(by) or tasks_wait)
    monkeypatch.setattr("mailer.sending.dispatcher.STOPPING.wait", waited.append)
    dispatcher._open_all([row.pk for row in rows])
    assert asked == [100, 100]
    assert waited == ([0.25, 0.5] if tasks_wait else [])
