import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser
from huey.contrib.djhuey import HUEY

pytestmark = pytest.mark.django_db


def test_all_is_well():
    answer = Browser().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "queue": "ok"})


def test_a_database_that_is_away(monkeypatch):
    def refuse():
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = Browser().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"database": "away", "queue": "ok"})


def test_a_queue_that_is_away(monkeypatch):
    def refuse():
        raise ConnectionError("connection refused")

    monkeypatch.setattr(HUEY, "pending_count", refuse)
    answer = Browser().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "queue": "away"})
