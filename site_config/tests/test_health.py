"""/healthz writes where the service writes, and says what is the matter, soon and seldom."""

from logging import LogRecord
from threading import Event
from time import monotonic

import pytest
from django.db import InternalError, OperationalError, connection
from django.test import Client as Browser
from huey.contrib.djhuey import HUEY
from redis.exceptions import OutOfMemoryError, ReadOnlyError

from mailer.models import HealthCheck
from site_config import health
from site_config.logs import OnceAMinute
from site_config.queue import try_queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Nobody has asked before."""
    attempts = {"database": health._write_to_database, "queue": try_queue}
    here = connection.vendor == "sqlite"
    parts = tuple(
        health.Part(name, call, here=here and name == "database") for name, call in attempts.items()
    )
    monkeypatch.setattr(health, "PARTS", parts)
    return {part.name: part for part in parts}


def ask():
    answer = Browser().get("/healthz")
    return answer.status_code, answer.json()


def failing(error):
    def fail():
        raise error

    return fail


def caused(error, by):
    error.__cause__ = by
    return error


class Refused(Exception):
    def __init__(self, sqlstate):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def test_all_is_well_and_a_row_was_written():
    assert ask() == (200, {"database": "ok", "queue": "ok"})
    assert HealthCheck.objects.count() == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("connection refused on 10.0.0.5"), "away"),
        (caused(InternalError("cannot execute INSERT"), Refused("25006")), "is read-only"),
        (OperationalError('FATAL: too many connections for role "mailings"'), "has no free connection"),
        (caused(OperationalError("could not extend file"), Refused("53100")), "full"),
        (caused(OperationalError("canceling statement"), Refused("55P03")), "is locked"),
        (OperationalError("attempt to write a readonly database"), "is read-only"),
        (OperationalError("database is locked"), "is locked"),
    ],
)
def test_what_is_the_matter_with_the_database_is_said(fresh, error, said):
    fresh["database"]._attempt = failing(error)
    assert ask() == (503, {"database": said, "queue": "ok"})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("connection refused"), "away"),
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "full"),
        (ReadOnlyError("You can't write against a read only replica."), "is read-only"),
    ],
)
def test_what_is_the_matter_with_the_queue_is_said(monkeypatch, error, said):
    def refuse(*_):
        raise error

    monkeypatch.setattr(HUEY.storage, "put_data", refuse)
    assert ask() == (503, {"database": "ok", "queue": said})


def test_what_hangs_keeps_nobody_waiting_and_is_not_tried_again_and_again(fresh, monkeypatch):
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.3)
    over, tried = Event(), []

    def hang():
        tried.append(1)
        over.wait(20)

    fresh["queue"]._attempt = hang
    for _ in range(3):
        began = monotonic()
        assert ask()[1]["queue"] == "does not answer"
        assert monotonic() - began < 2
    assert tried == [1]
    over.set()


def test_however_often_one_asks_it_is_tried_once_a_second(fresh, monkeypatch):
    tried = []
    fresh["database"]._attempt = lambda: tried.append(1)
    for _ in range(20):
        assert ask()[0] == 200
    assert tried == [1]
    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    assert ask()[0] == 200
    assert tried == [1, 1]


def test_a_slow_trial_keeps_nobody_waiting_where_the_last_one_was_well(fresh, monkeypatch):
    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    assert ask()[0] == 200
    over = Event()
    fresh["queue"]._attempt = lambda: over.wait(20)
    began = monotonic()
    assert ask() == (200, {"database": "ok", "queue": "ok"})
    assert monotonic() - began < health.ANSWER_SECONDS
    monkeypatch.setattr(health, "KNOWN_SECONDS", 0)
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.3)
    assert ask()[1]["queue"] == "does not answer"
    over.set()


def test_what_fails_at_once_is_said_at_once(fresh, monkeypatch):
    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    assert ask()[0] == 200
    fresh["queue"]._attempt = failing(ConnectionError("refused"))
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 10)  # longer than a thread takes to begin
    assert ask() == (503, {"database": "ok", "queue": "away"})


def test_a_real_database_that_takes_no_writes(monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such mode for a connection")
    params = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(params, "options", "-c default_transaction_read_only=on")
    assert ask() == (503, {"database": "is read-only", "queue": "ok"})


def test_a_queue_that_is_away_is_one_line_a_minute():
    once = OnceAMinute()
    said = []
    error = ConnectionError("refused")
    for _ in range(100):
        line = LogRecord("huey.consumer", 40, "", 1, "Error reading from queue", (), (None, error, None))
        if once.filter(line):
            said.append(line.getMessage())
    assert said == ["Error reading from queue ConnectionError: refused"]
