"""A worker's exchange with the ledger by itself: what is recorded, claimed and counted."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from mailer.models import Attempt, Delivery, Lease, Mailing
from mailer.sending import leases, ledger
from mailer.sending.claims import LedgerClaims
from mailer.sending.ledger import DeliveryResult
from testing.factories import ClientFactory
from testing.sending import make_mailing

MOST_ANSWERS = 50  # by their names
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(owner, smtp, monkeypatch):
    """An attempt for five clients, and a worker's exchange with its ledger."""
    monkeypatch.setattr(leases, "_queue", lambda *_: None)
    attempt = make_mailing(owner, [ClientFactory(owner=owner) for _ in range(5)]).attempts.get()
    token = Lease.objects.get().token
    assert leases.take(token)
    return attempt, LedgerClaims(attempt=attempt, token=token)


def sent(delivery, response="250 2.0.0 Ok: queued as 4F3A1C0041"):
    return DeliveryResult(delivery=delivery, status="sent", response=response, tries=1)


def test_results_are_recorded_and_counted_and_as_many_are_claimed(worker):
    attempt, claims = worker
    may, first = claims.record_and_claim(claim=2)
    assert (may, len(first)) == (True, 2)
    deferred = DeliveryResult(
        delivery=first[1], status="queued", response="451 4.3.0 Later", tries=1, possibly_twice=True,
        wait=60,
    )  # fmt: skip
    may, second = claims.record_and_claim([sent(first[0]), deferred], claim=9)
    assert (may, len(second)) == (True, 3)
    assert {row.pk for row in first}.isdisjoint(row.pk for row in second)
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.failed, attempt.possibly_twice) == (1, 0, 1)
    assert attempt.answers == {"250 2.0.0 Ok: queued as …": 1, "451 4.3.0 Later": 1}
    rows = {row.pk: row for row in Delivery.objects.all()}
    done, later = rows[first[0].pk], rows[first[1].pk]
    assert (done.status, done.lease, done.tries) == ("sent", "", 1)
    assert done.response == "250 2.0.0 Ok: queued as 4F3A1C0041"
    assert done.finished_at is not None
    assert (later.status, later.lease, later.finished_at, later.possibly_twice) == ("queued", "", None, True)
    assert 59 < (later.next_try_at - timezone.now()).total_seconds() <= 60


def test_what_is_put_back_at_once_can_be_claimed_in_the_same_exchange(worker):
    _, claims = worker
    claimed = claims.record_and_claim(claim=9).claimed
    back = [DeliveryResult(delivery=row, status="queued", response="cut", tries=1, wait=0) for row in claimed]
    assert {row.pk for row in claims.record_and_claim(back, claim=9).claimed} == {row.pk for row in claimed}


def test_what_is_put_back_unbegun_keeps_its_tries_and_its_answer(worker):
    attempt, claims = worker
    [row] = claims.record_and_claim(claim=1).claimed
    Delivery.objects.filter(pk=row.pk).update(response="451 4.3.0 Later", tries=2)
    back = DeliveryResult(
        delivery=row, status="queued", response=None, tries=2, wait=0
    )  # fmt: skip
    claims.record_and_claim([back])
    delivery = Delivery.objects.get(pk=row.pk)
    assert (delivery.status, delivery.tries, delivery.response) == ("queued", 2, "451 4.3.0 Later")
    attempt.refresh_from_db()
    assert attempt.answers == {}


def test_what_was_left_behind_the_search_is_found_when_it_runs_dry(worker):
    _, claims = worker
    rows = claims.record_and_claim(claim=4).claimed
    early = timezone.now() - timedelta(hours=1)
    Delivery.objects.filter(pk=rows[1].pk).update(status="queued", lease="", next_try_at=early)
    found = claims.record_and_claim(claim=9).claimed
    assert [row.pk for row in found] == [max(row.pk for row in rows) + 1, rows[1].pk]
    assert claims.record_and_claim(claim=9).claimed == []


def test_the_next_turn_of_a_process_searches_from_where_the_last_one_ended(worker):
    attempt, claims = worker
    rows = claims.record_and_claim(claim=3).claimed
    early = timezone.now() - timedelta(hours=1)
    Delivery.objects.filter(pk=rows[0].pk).update(status="queued", lease="", next_try_at=early)
    following = LedgerClaims(attempt=attempt, token=Lease.objects.get().token)
    assert [row.pk for row in following.record_and_claim(claim=1).claimed] == [rows[2].pk + 1]
    assert [row.pk for row in following.record_and_claim(claim=2).claimed] == [rows[2].pk + 2, rows[0].pk]


def test_no_index_holds_what_the_sending_of_a_mail_changes(worker):
    """Else each mail would cost a write to every index, twice."""
    _, claims = worker
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name = 'mailer_delivery' AND sql LIKE '%INDEX%'"
            )
            indexes = " ".join(row[0] for row in cursor.fetchall())
        assert "next_try_at" in indexes
        assert not [name for name in ("status", "lease", "tries", "response", "finished") if name in indexes]
        return
    with transaction.atomic(), connection.cursor() as cursor:
        claims.record_and_claim([sent(row) for row in claims.record_and_claim(claim=5).claimed])
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_updated(id), pg_stat_get_xact_tuples_hot_updated(id)"
            " FROM CAST('mailer_delivery' AS regclass) AS t(id)"
        )
        assert cursor.fetchone() == (10, 10)


def test_a_paused_mailing_claims_nothing_and_still_records(worker):
    attempt, claims = worker
    [claimed] = claims.record_and_claim(claim=1).claimed
    Mailing.objects.update(paused_at=timezone.now())
    assert claims.record_and_claim([sent(claimed)], claim=9) == (False, [])
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.deliveries.filter(status="sent").count()) == (1, 1)


@pytest.mark.parametrize(
    "response", ["", "a'b\"c\\d{e},%s %%", "nul\0 byte", "при\u2028вет", "<b>&amp;</b>" * 50]
)
def test_any_answer_is_kept_as_it_was_said(worker, response):
    _, claims = worker
    [claimed] = claims.record_and_claim(claim=1).claimed
    claims.record_and_claim([sent(claimed, response)])
    assert Delivery.objects.get(pk=claimed.pk).response == response.replace("\0", "")


def test_answers_beyond_the_limit_are_counted_together(worker):
    attempt, _ = worker
    known = {f"450 reason {chr(97 + n % 26) * (n // 26 + 1)}": 1 for n in range(MOST_ANSWERS - 1)}
    Attempt.objects.update(answers=known)
    first = next(iter(known))
    ledger.count(
        attempt_id=attempt.pk, statuses=Counter(sent=5), answers=Counter({first: 2, "one": 1, "two": 3})
    )
    attempt.refresh_from_db()
    assert attempt.sent == 5
    assert len(attempt.answers) == MOST_ANSWERS + 1
    assert attempt.answers[first] == 3
    new = {answer: number for answer, number in attempt.answers.items() if answer not in known}
    assert new in ({"one": 1, "other answers": 3}, {"two": 3, "other answers": 1})
    ledger.count(attempt_id=attempt.pk, statuses=Counter(), answers=Counter(three=5))
    attempt.refresh_from_db()
    assert attempt.answers["other answers"] == new["other answers"] + 5


def test_on_postgresql_an_exchange_is_one_statement_planned_once(worker):
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite a statement is a function call")
    _, claims = worker
    for _ in range(3):
        claims.record_and_claim([sent(row) for row in claims.record_and_claim(claim=1).claimed])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE '%%mailer_delivery%%'"
        )
        assert cursor.fetchone() == (6, 0)
