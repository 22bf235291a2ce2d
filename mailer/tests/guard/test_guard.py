"""The daily allowance of mails: exact, whoever sends, and what exceeds it waits."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailer import mailings
from mailer.guard import allowance
from mailer.guard.by_hand import ENOUGH
from mailer.models import Attempt, BegunMails, Delivery, Lease
from mailer.sending import clock, leases, worker
from mailer.sending.opening import latest_id
from people import access
from people.models import AuditEntry, User
from testing.factories import ClientFactory
from testing.sending import come_by, go_on, in_act, make_mailing, start

pytestmark = pytest.mark.django_db(transaction=True)


def limited(user, mails):
    User.objects.filter(pk=user.pk).update(mails_per_day=mails)
    user.mails_per_day = mails
    return user


def used(user):
    return allowance.used(user.pk, now=clock.now())


def handed_over(user):
    """What the ledger says of this user: mails that the server was given, or that are in hand."""
    rows = Delivery.objects.filter(attempt__mailing__owner=user)
    return rows.filter(status__in=("sent", "failed", "sending")).count()


def opened(owner, number, first=0):
    """A run of so many new clients that nobody sends for yet."""
    queue, leases._queue = leases._queue, lambda *_: None
    try:
        people = [ClientFactory(owner=owner, email=f"{first + n}@example.org") for n in range(number)]
        return make_mailing(owner, people).attempts.get()
    finally:
        leases._queue = queue


def test_what_exceeds_it_waits_and_goes_on_by_itself(owner, rough, time_machine, client_of):
    limited(owner, 3)
    attempt = start(owner, 5)
    assert (attempt.status, attempt.sent, attempt.failed, attempt.state) == ("running", 3, 0, "allowance")
    assert len(rough.taken) == used(owner) == handed_over(owner) == 3
    page = client_of(owner).get(f"/mailings/{attempt.mailing_id}/").content.decode()
    assert "The allowance of 3 mails within 24 hours is used up." in " ".join(page.split())
    assert attempt.resumes_at > clock.now() + timedelta(hours=24)
    assert attempt.resumes_at <= clock.now() + timedelta(hours=24, minutes=20)
    come_by()
    assert len(rough.taken) == 3
    time_machine.move_to(attempt.resumes_at - timedelta(seconds=1))
    come_by()
    assert len(rough.taken) == 3
    time_machine.move_to(attempt.resumes_at + timedelta(seconds=1))
    come_by()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.problem) == ("succeeded", 5, "")
    assert used(owner) == 2
    assert BegunMails.objects.count() == 1  # the sweep has forgotten yesterday's


def test_a_run_that_fits_is_none_the_wiser(owner, rough):
    limited(owner, 5)
    attempt = start(owner, 5)
    assert (attempt.status, attempt.sent, attempt.problem) == ("succeeded", 5, "")
    assert used(owner) == 5


def test_never_one_mail_too_many_under_ten_workers(owner, stranger, rough, settings):
    """Ten runs of one user, a worker each, all at once; and another user's beside them."""
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("one writer at a time on SQLite")
    settings.MAIL_SLICE_SECONDS, settings.MAIL_WINDOW = 60, 10
    limited(owner, 137)
    runs = [opened(owner, 40, first=40 * n) for n in range(10)]
    other = opened(stranger, 30)

    def work(attempt):
        try:
            token = Lease.objects.get(attempt=attempt).token
            worker._send(attempt.pk, token, lambda _: None)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(run,)) for run in (*runs, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    come_by()  # those who stopped while others had mails in hand
    theirs = {f"{n}@example.org" for n in range(400)}
    assert handed_over(owner) == used(owner) == 137
    assert handed_over(stranger) == 30
    assert len(rough.taken) == 137 + 30
    assert len([mail for mail in rough.taken if mail.recipient in theirs]) == 167
    counted = Attempt.objects.filter(mailing__owner=owner)
    assert sum(counted.values_list("sent", flat=True)) == 137
    assert {run.state for run in counted.exclude(sent=40)} == {"allowance"}
    other.refresh_from_db()
    assert other.status == "succeeded"


def test_ten_workers_at_one_run(owner, rough, settings):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("one worker an attempt on SQLite")
    settings.MAIL_SLICE_SECONDS, settings.MAIL_WINDOW = 60, 10
    limited(owner, 137)
    attempt = opened(owner, 400)
    tokens = [Lease.objects.get().token]
    tokens += [
        Lease.objects.create(attempt=attempt, seat=seat, expires_at=clock.now() + leases.QUEUED).token
        for seat in range(1, 10)
    ]

    def work(token):
        try:
            worker._send(attempt.pk, token, lambda _: None)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    come_by()
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.state) == (137, "allowance")
    assert len(rough.taken) == used(owner) == handed_over(owner) == 137


@pytest.mark.parametrize("verdict", ["550 5.1.1 No such user", "451 4.2.0 Try later", "452 4.2.2 Full"])
def test_the_count_is_what_the_ledger_says_whatever_the_server_answers(owner, rough, time_machine, verdict):
    limited(owner, 20)
    rough.answer = in_act(verdict, "RCPT", times=3)
    attempt = start(owner, 10)
    assert used(owner) == handed_over(owner)
    go_on(attempt, time_machine, times=20)
    assert used(owner) == handed_over(owner) == 10


def test_what_is_not_handed_over_is_not_counted(owner, rough, time_machine):
    limited(owner, 4)
    rough.answer = in_act("421 4.3.2 Not now", "GREET", times=100)
    attempt = start(owner, 6)
    assert (used(owner), attempt.sent) == (0, 0)
    rough.answer = lambda *_: None
    time_machine.move_to(timezone.now() + timedelta(seconds=700))
    come_by()
    attempt.refresh_from_db()
    assert (used(owner), attempt.sent, attempt.state) == (4, 4, "allowance")


def test_deleting_what_was_sent_gives_nothing_back(owner, rough):
    limited(owner, 3)
    attempt = start(owner, 3)
    mailings.delete(attempt.mailing)
    again = make_mailing(owner, [ClientFactory(owner=owner, email="anna@example.org")]).attempts.get()
    assert (again.sent, again.state, len(rough.taken)) == (0, "allowance", 3)


def test_what_a_killed_worker_had_in_hand_counts(owner, rough, time_machine):
    limited(owner, 5)
    attempt = opened(owner, 5)
    lease = Lease.objects.get()
    leases.take(lease.token)
    guard = allowance.allowance_for(Attempt.objects.select_related("mailing__owner").get(), lease.token)
    held = list(attempt.deliveries.values_list("pk", flat=True)[:2])
    with transaction.atomic():
        assert guard.room(unsent=(), done=(), now=clock.now(), most=2) == 2
        guard.take(held)
    Delivery.objects.filter(pk__in=held).update(status="sending", lease=lease.token)
    time_machine.move_to(timezone.now() + leases.RUNNING + timedelta(seconds=1))
    come_by()
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.possibly_twice, used(owner), attempt.state) == (3, 2, 5, "allowance")


def test_an_exchange_that_is_repeated_puts_nothing_back_twice(owner, rough):
    limited(owner, 5)
    opened(owner, 5)
    guard = allowance.allowance_for(Attempt.objects.select_related("mailing__owner").get(), "token")
    with transaction.atomic():
        assert guard.room(unsent=(), done=(), now=clock.now(), most=9) == 5
        guard.take([1, 2, 3])
        assert used(owner) == 3
        assert guard.room(unsent=[1], done=[2], now=clock.now(), most=9) == 3
        assert guard.room(unsent=[1, 2], done=[], now=clock.now(), most=9) == 3
    assert (used(owner), set(guard.in_hand)) == (2, {3})


def test_a_manager_raises_it_and_what_waited_goes_on(owner, manager, rough):
    limited(owner, 2)
    attempt = start(owner, 5)
    assert attempt.sent == 2
    assert access.set_allowance(user=owner, mails=4, by=manager)
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.state) == (4, "allowance")
    assert access.set_allowance(user=owner, mails=None, by=manager)
    assert not access.set_allowance(user=owner, mails=None, by=manager)
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.status) == (5, "succeeded")
    lines = AuditEntry.objects.filter(action="allowance_set").order_by("pk")
    assert list(lines.values_list("actor", "target", "detail")) == [
        ("manager@example.com", "owner@example.com", "2 → 4"),
        ("manager@example.com", "owner@example.com", "4 → ∞"),
    ]


def test_one_that_was_lowered_waits_until_enough_is_old(owner, rough, time_machine):
    limited(owner, 5)
    with_two = start(owner, 2)
    assert with_two.status == "succeeded"
    time_machine.move_to(timezone.now() + timedelta(hours=1))
    people = [ClientFactory(owner=owner, email=f"{n}@example.org") for n in (5, 6, 7)]
    three = make_mailing(owner, people).attempts.get()
    assert three.status == "succeeded"
    limited(owner, 3)
    four = make_mailing(owner, [ClientFactory(owner=owner, email="9@example.org")]).attempts.get()
    assert four.state == "allowance"
    assert timedelta(hours=24) < four.resumes_at - clock.now() < timedelta(hours=24, minutes=20)


@pytest.mark.parametrize("off", [True, False])
def test_who_is_trusted_pays_nothing(owner, rough, settings, off):
    """The same statements without a guard and with one that lets pass."""
    settings.GUARD = not off
    limited(owner, 1 if off else None)
    with CaptureQueriesContext(connection) as seen:
        attempt = start(owner, 5)
    assert (attempt.status, used(owner)) == ("succeeded", 0)
    assert [query["sql"] for query in seen if "begunmails" in query["sql"].lower()] == []


def test_a_new_account_begins_with_one(db, settings):
    assert User.objects.create_user("new@example.com").mails_per_day == 200
    settings.NEW_ACCOUNT_MAILS_PER_DAY = 50
    assert User.objects.create_user("newer@example.com").mails_per_day == 50
    settings.NEW_ACCOUNT_MAILS_PER_DAY = 0
    assert User.objects.create_user("newest@example.com").mails_per_day is None
    assert User.objects.create_superuser("root@example.com").mails_per_day is None


def run_by_hand(mailing):
    return mailings.run(mailing, after=latest_id(mailing))


def test_runs_by_hand_mail_one_address_three_times_a_day(owner, rough, time_machine):
    limited(owner, 100)
    victim = ClientFactory(owner=owner, email="victim@example.org")
    other = ClientFactory(owner=owner, email="other@example.org")
    planned = timezone.now() + timedelta(days=300)
    mailing = make_mailing(owner, [victim], starts_at=planned)
    for _ in range(3):
        run_by_hand(mailing)
    both = make_mailing(owner, [victim, other], starts_at=planned)
    attempt = run_by_hand(both)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.skipped) == ("succeeded", 1, 1)
    assert attempt.deliveries.get(email="victim@example.org").response == ENOUGH
    alone = run_by_hand(mailing)
    alone.refresh_from_db()
    assert (alone.status, alone.sent, alone.skipped) == ("failed", 0, 1)
    assert alone.server_response == f"1 × {ENOUGH}"
    assert rough.recipients.count("victim@example.org") == 3
    time_machine.move_to(timezone.now() + timedelta(hours=24, seconds=1))
    last = run_by_hand(mailing)
    last.refresh_from_db()
    assert last.sent == 1


def test_manual_runs_at_once_mail_one_address_three_times_too(owner, rough):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("one writer at a time on SQLite")
    limited(owner, 100)
    victim = ClientFactory(owner=owner, email="victim@example.org")
    planned = timezone.now() + timedelta(days=300)
    found = [make_mailing(owner, [victim], starts_at=planned) for _ in range(8)]
    together = threading.Barrier(len(found))

    def click(mailing):
        try:
            together.wait()
            run_by_hand(mailing)
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(mailing,)) for mailing in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    come_by()
    statuses = Delivery.objects.filter(email=victim.email).values_list("status", flat=True)
    assert sorted(statuses) == ["sent"] * 3 + ["skipped"] * 5
    assert rough.recipients.count(victim.email) == 3


def test_runs_by_the_schedule_and_of_who_is_trusted_are_not_counted(owner, rough):
    victim = ClientFactory(owner=owner, email="victim@example.org")
    limited(owner, 100)
    for _ in range(4):
        make_mailing(owner, [victim])
    limited(owner, None)
    mailing = make_mailing(owner, [victim], starts_at=timezone.now() + timedelta(days=300))
    for _ in range(4):
        run_by_hand(mailing)
    assert len(rough.taken) == 8
