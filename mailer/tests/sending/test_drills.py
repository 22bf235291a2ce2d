"""The guarantee under fire, in short: real consumers, killed at random while they send.

The long versions are `python -m bench.drills kill` and `python -m bench.drills.outages`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

pytestmark = [pytest.mark.services, pytest.mark.alone]
ROOT = Path(__file__).resolve().parents[3]


def drill(*words, module="bench.drills"):
    done = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def judged(verdict, *, recipients):
    assert verdict["passed"], verdict
    assert (verdict["lost"], verdict["duplicates not counted"]) == (0, 0)
    assert verdict["sent by the ledger"] == recipients


@pytest.fixture
def services(transactional_db):
    """Where the drill finds the test's database and queue."""
    if connection.vendor != "postgresql" or not settings.REDIS_URL:
        pytest.skip("needs DATABASE_URL and REDIS_URL")
    db = connection.settings_dict
    login = f"{db['USER']}:{db['PASSWORD']}" if db["PASSWORD"] else db["USER"]
    database = f"postgres://{login}@{db['HOST']}:{db['PORT'] or 5432}/{db['NAME']}"
    connection.close()
    return "--database", database, "--redis", settings.REDIS_URL


def test_two_consumers_killed_again_and_again_lose_nobody(services):
    verdict = drill(
        "kill", *services, "--recipients", "1500", "--kills", "4", "--pause", "0.8", "--delay", "0.1",
        "--chunking",
    )  # fmt: skip
    judged(verdict, recipients=1500)
    assert verdict["kills"] >= 2


def test_a_consumer_on_sqlite_killed_again_and_again_loses_nobody():
    verdict = drill(
        "kill", "--consumers", "1", "--recipients", "800", "--kills", "3", "--pause", "1.2", "--delay", "0.1",
    )  # fmt: skip
    judged(verdict, recipients=800)
    assert verdict["kills"] >= 2


def test_under_tls_what_may_have_gone_out_whole_is_marked(services):
    """Connections break in the middle of mails of 400 kB, while the send buffers are full."""
    verdict = drill(
        "cut", *services, "--tls", "starttls", "--chunking", "--size", "200000", "--buffer", "4096",
        "--recipients", "24", "--delay", "0.02", "--cut-for", "2",
    )  # fmt: skip
    judged(verdict, recipients=24)
    broke = verdict["counted as possibly twice"] + verdict["tries used up"]
    assert broke > 0, "connections broke with mail in hand"


@pytest.mark.parametrize("name", ["read-only", "redis-full"])
def test_the_database_and_the_queue_may_be_ill_for_a_while(name):
    pytest.importorskip("psycopg")
    from bench.drills.backing import missing

    if absent := missing("postgres", "initdb", "redis-server"):
        pytest.skip(f"{absent} is not installed")
    seen = drill(name, "--recipients", "900", module="bench.drills.outages")
    assert seen["wrong"] == [], seen
    assert (seen["sent"], seen["lost"], seen["twice"], seen["marked"]) == (900, 0, 0, 0)
