"""A consumer's threads share three connections to the database, and a few less will do as well."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import monotonic
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from site_config import connections
from testing.sessions import another_session

psycopg = pytest.importorskip("psycopg")
base = pytest.importorskip("site_config.postgresql.base")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections to bound"),
]


@pytest.fixture
def shared(monkeypatch):
    """The pool of this process, as a consumer has it."""
    connection.close()
    monkeypatch.setattr(base, "_shared", None)
    connections.share()
    yield base._shared
    connection.close()
    for idle in base._shared._idle:
        idle.close()


def backend():
    """The number of the server's process that this thread's connection talks to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def in_threads(number, call):
    def closing(_):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(closing, range(number)))


def test_twelve_threads_have_three_connections_between_them(shared):
    def work():
        used = set()
        for _ in range(20):
            used.add(backend())
            connections.release()
        return used

    used = set().union(*in_threads(12, work))
    assert len(used) <= connections.MOST == 3
    assert shared._number == len(shared._idle) <= 3


def test_within_a_transaction_a_connection_is_kept(shared):
    with transaction.atomic():
        mine = backend()
        connections.release()
        assert backend() == mine


def test_a_connection_that_the_server_closed_is_replaced_unseen(shared):
    lost = backend()
    connections.release()
    with another_session() as outside:
        outside.execute("SELECT pg_terminate_backend(%s, 2000)", [lost])
    assert backend() != lost


def test_what_one_thread_wants_set_another_does_not_find(shared):
    def jit():
        with connection.cursor() as cursor:
            cursor.execute("SHOW jit")
            return cursor.fetchone()[0]

    usual = jit()
    wanted = "off" if usual == "on" else "on"
    mine = backend()
    connections.release()

    def tuned():
        wrapper: Any = connection
        wrapper.use({"jit": wanted})
        return jit(), backend()

    assert in_threads(1, tuned) == [(wanted, mine)], "the idle one is used, and set"
    assert (jit(), backend()) == (usual, mine)


def test_who_finds_none_free_waits_and_then_says_so(shared, monkeypatch):
    monkeypatch.setattr("site_config.postgresql.shared.WAIT_SECONDS", 0.3)
    holding, over = Barrier(3), Event()

    def hold():
        backend()
        holding.wait(5)
        over.wait(5)
        connection.close()

    def vital():
        connections.make_vital()
        return backend()

    with ThreadPoolExecutor(3) as threads:
        held = [threads.submit(hold) for _ in range(2)]
        holding.wait(5)
        began = monotonic()
        with pytest.raises(OperationalError, match="all 2 database connections of this process are in use"):
            backend()
        assert monotonic() - began >= 0.3
        assert in_threads(1, vital), "the third is left to whoever renews a lease or records what was sent"
        over.set()
        for each in held:
            each.result()
    assert backend()


def test_with_fewer_than_it_may_have_a_process_does_what_it_can(shared, monkeypatch):
    """A server that refuses the second: both threads get on with the first."""
    new, made = base.DatabaseWrapper._new, deque()

    def refuse(wrapper, params):
        if made:
            raise psycopg.OperationalError("FATAL: too many connections for role")
        made.append(1)
        return new(wrapper, params)

    monkeypatch.setattr(base.DatabaseWrapper, "_new", refuse)

    def work():
        used = set()
        for _ in range(5):
            used.add(backend())
            connections.release()
        return used

    assert len(set().union(*in_threads(4, work))) == 1


def test_a_server_that_has_none_says_why(shared, monkeypatch):
    def refuse(wrapper, params):
        raise psycopg.OperationalError("FATAL: too many connections for role")

    monkeypatch.setattr(base.DatabaseWrapper, "_new", refuse)
    with pytest.raises(OperationalError, match="too many connections for role"):
        backend()


def test_threads_that_ask_a_server_that_has_none_ask_it_once_each(shared, monkeypatch):
    """Another process may have the only one: each thread knows after one refusal."""
    together, asked = Barrier(2), []

    def refuse(wrapper, params):
        asked.append(1)
        if len(asked) <= 2:
            together.wait(5)
        raise psycopg.OperationalError("FATAL: too many connections for role")

    monkeypatch.setattr(base.DatabaseWrapper, "_new", refuse)

    def work():
        connections.make_vital()
        with pytest.raises(OperationalError, match="too many connections for role"):
            backend()

    in_threads(2, work)
    assert len(asked) == 2


def test_what_nobody_needs_is_closed(shared, monkeypatch):
    together = Barrier(2)

    def work():
        backend()
        together.wait(10)

    in_threads(2, work)
    assert shared._number == 2
    monkeypatch.setattr("site_config.postgresql.shared.IDLE_SECONDS", 0)
    backend()
    monkeypatch.setattr("site_config.postgresql.shared.IDLE_SECONDS", 10)
    connections.release()
    assert shared._number == len(shared._idle) == 1
