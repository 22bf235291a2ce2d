"""The databases explain the statements of mailer/sending/sql: each goes by the indexes it is meant to."""

import re
from time import monotonic

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from mailer.audience import recipients
from mailer.models import Client, Lease
from mailer.sending import clock, leases, ledger, opening
from mailer.sending.claims import LedgerClaims
from mailer.sending.ledger import DeliveryResult
from mailer.sending.sql import statements
from testing.factories import ClientFactory, ClientGroupFactory
from testing.sending import make_mailing
from testing.sessions import another_session

pytestmark = pytest.mark.django_db(transaction=True)
MERGING = re.compile(r"FROM \(\s*SELECT\s+CASE WHEN known.*?GROUP BY 1", re.DOTALL)


@pytest.fixture
def attempt(owner, smtp, monkeypatch):
    """A run for three clients, of a group, that has claimed two and recorded one of them."""
    monkeypatch.setattr(leases, "_queue", lambda *_: None)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # of no size known, whatever autovacuum saw of other tests
            cursor.execute("TRUNCATE mailer_delivery CASCADE")
    group = ClientGroupFactory(owner=owner)
    group.clients.add(*(ClientFactory(owner=owner) for _ in range(3)))
    attempt = make_mailing(owner, groups=[group]).attempts.get()
    claims = LedgerClaims(attempt=attempt, token=lease_of(attempt))
    first, _ = claims.record_and_claim(claim=2).claimed
    claims.record_and_claim([DeliveryResult(delivery=first, status="sent", response="250 Ok", tries=1)])
    return attempt


def lease_of(attempt):
    token = Lease.objects.get(attempt=attempt).token
    assert leases.take(token)
    return token


def deliveries_known(cursor):
    """How many deliveries PostgreSQL believes there are."""
    found = cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'mailer_delivery'::regclass")
    return found.fetchone()[0]


def plan_on_sqlite(sql):
    """What SQLite does, a line for each table; the values do not matter to it."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(re.findall(r"%\((\w+)\)s", sql), 0))
        return {
            line.replace("COVERING ", "")
            for *_, line in cursor.fetchall()
            if line.startswith(("SEARCH", "SCAN")) and "VIRTUAL TABLE" not in line
        }


def plan_of_prepared(*, beginning):
    """The plan that PostgreSQL keeps for the latest such statement of this connection."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements"
            " WHERE starts_with(statement, %s) ORDER BY prepare_time DESC LIMIT 1",
            [beginning],
        )
        [(name, number)] = cursor.fetchall()
        cursor.execute(f'EXPLAIN (COSTS off) EXECUTE "{name}" ({", ".join(["NULL"] * number)})')
        return "\n".join(line for (line,) in cursor.fetchall())


def indexes(plan):
    return re.findall(r"Index (?:Only )?Scan using (\w+)", plan)


@pytest.mark.parametrize("vendor", ["postgresql", "sqlite"])
def test_answers_are_merged_in_one_way(vendor):
    """The file for PostgreSQL says it twice, for each statement stands there whole."""
    texts = [text for text in statements(vendor).values() if "answers" in text]
    merged = {" ".join(MERGING.search(text)[0].split()) for text in texts}
    assert len(texts) == {"postgresql": 2, "sqlite": 1}[vendor]
    assert len(merged) == 1


def test_what_is_run_has_no_comments():
    for vendor in ("postgresql", "sqlite"):
        assert not [name for name, sql in statements(vendor).items() if "--" in sql]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="explained by SQLite")
class TestSqlite:
    def test_a_worker_may_go_on(self, attempt):
        assert plan_on_sqlite(statements("sqlite")["may_go_on"]) == {
            "SEARCH l USING INDEX sqlite_autoindex_mailer_lease_1 (token=?)",
            "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH u USING INTEGER PRIMARY KEY (rowid=?)",
            "SCAN s",  # the one mail server
        }

    def test_a_lease_is_taken_and_given_back(self, attempt):
        assert plan_on_sqlite(statements("sqlite")["take"]) == {
            "SEARCH mailer_lease USING INDEX sqlite_autoindex_mailer_lease_1 (token=?)",
            "SEARCH l USING INDEX mailer_lease_attempt_id_bf7fabf8 (attempt_id=?)",
            "SCAN s",  # the one mail server
        }
        assert plan_on_sqlite(statements("sqlite")["give_back"]) == {
            "SEARCH mailer_lease USING INDEX sqlite_autoindex_mailer_lease_1 (token=?)"
        }

    def test_an_attempt_is_counted_and_ended(self, attempt):
        [counted] = plan_on_sqlite(statements("sqlite")["tally"])
        [ended] = plan_on_sqlite(statements("sqlite")["end_leases"])
        assert re.match(r"SEARCH mailer_delivery USING INDEX \w+ \(attempt_id=\?\)$", counted)
        assert re.match(r"SEARCH mailer_lease USING INDEX \w+ \(attempt_id=\?\)$", ended)

    def test_results_are_recorded(self, attempt):
        assert plan_on_sqlite(statements("sqlite")["record"]) == {
            "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)"
        }

    def test_counts_are_added(self, attempt):
        found = plan_on_sqlite(statements("sqlite")["count"])
        assert "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)" in found
        assert "SCAN a" not in found

    def test_deliveries_are_claimed(self, attempt):
        found = plan_on_sqlite(statements("sqlite")["claim"])
        assert found == {
            "SEARCH mailer_delivery USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH mailer_delivery USING INDEX mailer_delivery_queue"
            " (attempt_id=? AND next_try_at=? AND id>?)",
            "SEARCH mailer_delivery USING INDEX mailer_delivery_queue"
            " (attempt_id=? AND next_try_at>? AND next_try_at<?)",
            "SEARCH s USING INDEX sqlite_autoindex_mailer_suppression_1 (owner_id=? AND address_key=?)",
            "SEARCH o USING INDEX mailer_optout_once_a_mailing (mailing_id=? AND address_key=?)",
        }


@pytest.mark.skipif(connection.vendor != "postgresql", reason="explained by PostgreSQL")
class TestPostgresql:
    def test_results_are_recorded_and_deliveries_claimed(self, attempt):
        plan = plan_of_prepared(beginning="WITH held AS MATERIALIZED")
        parts = dict(re.findall(r"^  CTE (\w+)\n(.*?)(?=^  \S)", plan, re.DOTALL | re.MULTILINE))
        assert {name: indexes(part) for name, part in parts.items() if name != "held"} == {
            "written": ["mailer_delivery_pkey"],
            "claimed": [
                "mailer_delivery_queue",
                "mailer_delivery_pkey",
                "mailer_suppression_address_unique",
                "mailer_optout_once_a_mailing",
            ],
            "counted": ["mailer_attempt_pkey"],
        }
        assert indexes(parts["held"])[1:] == [
            "mailer_attempt_pkey",
            "mailer_mailing_pkey",
            "people_user_pkey",
        ]
        assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= {"mailer_mailserver"}  # one row
        # The plan is kept while the tables grow: none may be read whole, however small it is now.
        assert [line for line in plan.splitlines() if re.search(r"(Hash|Merge) Join|Join Filter", line)] == []
        assert not re.search(r"Index (Only )?Scan.*\n(?! +Index Cond)", plan)
        assert "Sort" not in plan.replace(parts["counted"], "")  # there, the answers of a window

    def test_a_table_analyzed_during_an_opening_is_read_by_its_keys(self, owner, monkeypatch):
        monkeypatch.setattr(leases, "_queue", lambda *_: None)
        group = ClientGroupFactory(owner=owner)
        rows = [ClientFactory.build(owner=owner, email=f"{n}@example.org") for n in range(3000)]
        group.clients.add(*Client.objects.bulk_create(rows))
        known = []

        def write(*arguments, **values):
            counts = ledger.write_deliveries(*arguments, **values)
            with another_session(autocommit=True) as autovacuum:
                autovacuum.execute("ANALYZE mailer_delivery")
                known.append(deliveries_known(autovacuum))
            return counts

        monkeypatch.setattr(opening, "write_deliveries", write)
        attempt = make_mailing(owner, groups=[group]).attempts.get()
        with connection.cursor() as cursor:
            known.append(deliveries_known(cursor))
        assert known == [0, 3000]
        claims = LedgerClaims(attempt=attempt, token=lease_of(attempt))
        [first, *_] = claims.record_and_claim(claim=10).claimed
        claims.record_and_claim([DeliveryResult(delivery=first, status="sent", response="250 Ok", tries=1)])
        plan = plan_of_prepared(beginning="WITH held AS MATERIALIZED")
        assert [name for name in indexes(plan) if name.startswith("mailer_delivery")] == [
            "mailer_delivery_pkey",
            "mailer_delivery_queue",
            "mailer_delivery_pkey",
        ]

    def test_a_vacuum_under_way_delays_nobody(self, owner, monkeypatch):
        monkeypatch.setattr(ledger, "FEW", 1)
        with another_session() as vacuum:
            vacuum.execute("LOCK TABLE mailer_delivery IN SHARE UPDATE EXCLUSIVE MODE")
            began = monotonic()
            ledger.refresh_statistics(10**9)
            assert monotonic() - began < 3
        ledger.refresh_statistics(10**9)

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("take", {"token", "attempt_id"}),
            ("give_back", {"token"}),
            ("end_leases", {"attempt_id"}),
        ],
    )
    def test_leases_are_found_by_their_indexes(self, attempt, name, wanted):
        values = {"token": "'x'", "attempt": "1", "now": "now()", "until": "now()"}
        with transaction.atomic():
            plan = explain(statements("postgresql")[name] % values)
        assert set(re.findall(r"Index Scan using mailer_lease_(token|attempt_id)", "\n".join(plan))) == wanted

    def test_counts_are_added(self, attempt):
        assert ledger.close_open(attempt_id=attempt.pk, status="expired", response="Too late") == 1
        plan = plan_of_prepared(beginning="UPDATE mailer_attempt AS a")
        assert indexes(plan) == ["mailer_attempt_pkey"]


def test_deliveries_are_written_by_the_indexes(attempt):
    """The members of the group by its index, each client by its key, and what is against them by theirs."""
    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        attempt.deliveries.all().delete()
        ledger.write_deliveries(attempt, recipients(attempt.mailing), now=clock.now())
        [insert] = [query["sql"] for query in captured if "INSERT INTO mailer_delivery" in query["sql"]]
        attempt.deliveries.all().delete()
        plan = explain(insert)
    if connection.vendor == "sqlite":
        assert {line for line in plan if line.startswith("SCAN")} == {"SCAN c"}
        against = (
            r"SEARCH U0 USING INDEX sqlite_autoindex_mailer_suppression_1 \(owner_id=\? AND address_key=\?\)"
        )
        assert len([line for line in plan if re.match(against, line)]) == 1  # looked up once, used four times
    else:
        assert {
            "mailer_client_pkey",
            "mailer_clientgroup_clients_clientgroup_id_a38ed833",
            "mailer_suppression_address_unique",
        } <= set(indexes("\n".join(plan)))
        assert "\n".join(plan).count("mailer_suppression_address_unique") == 1


def explain(sql):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # there are three rows
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {sql}")
        return [row[-1] for row in cursor.fetchall()]
