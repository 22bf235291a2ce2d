"""What goes wrong while mail is sent, and what happens: the failure table of docs/sending.md, line by line.

The mail server is real and misbehaves as told; its own log and the ledger must agree.
"""

from datetime import UTC, timedelta
from email.utils import parseaddr
from time import monotonic, sleep

import pytest
from django.db import DataError, OperationalError, connection
from django.utils import timezone
from huey.contrib.djhuey import HUEY

from mailer import mailings
from mailer.models import Attempt, Delivery, Lease, Mailing, MailServer, Suppression
from mailer.sending import holding, leases, ledger_writer, worker
from mailer.sending.claims import LedgerClaims
from site_config.shutdown import STOPPING
from testing.factories import ClientFactory
from testing.rough_server import CHUNKS, PLAIN, Cut
from testing.sending import as_usual, clients, come_by, go_on, in_act, make_mailing, start

pytestmark = pytest.mark.django_db(transaction=True)
EVERY = [(), PLAIN, CHUNKS]


@pytest.mark.parametrize("offers", EVERY)
@pytest.mark.parametrize(
    ("verb", "how"),
    [
        ("GREET", "421 4.3.2 Not now"),
        ("GREET", Cut),
        ("GREET", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("GREET", b"220 " + b"x" * 100_000),
    ],
)
def test_a_server_that_cannot_be_used_costs_no_try_and_rests(owner, rough, time_machine, verb, how, offers):
    rough.offers = offers
    rough.answer = in_act(how, verb, times=100)
    attempt = start(owner, 5)
    assert set(attempt.deliveries.values_list("status", "tries", "lease")) == {("queued", 0, "")}
    assert attempt.problem
    assert MailServer.objects.get().failures == 1
    rough.answer = as_usual
    go_on(attempt, time_machine)
    assert (attempt.status, attempt.sent, attempt.possibly_twice, attempt.problem) == ("succeeded", 5, 0, "")
    assert sorted(rough.recipients) == [f"{n}@example.org" for n in range(5)]


def test_the_rest_grows_with_every_failure_and_ends_with_the_first_success(owner, rough, time_machine):
    rough.answer = in_act("421 4.3.2 Not now", "GREET", times=10**6)
    attempt = start(owner, 1)
    rests = []
    for _ in range(5):
        row = MailServer.objects.get()
        rests.append((row.rests_until - timezone.now()).total_seconds())
        time_machine.move_to(row.rests_until + timedelta(seconds=1))
        come_by()
    for number, seconds in enumerate(rests):
        assert 2 * 2**number / 2 - 1 <= seconds <= 2 * 2**number
    rough.answer = as_usual
    go_on(attempt, time_machine)
    assert (attempt.status, MailServer.objects.get().failures) == ("succeeded", 0)


def test_workers_who_meet_the_same_failure_count_and_say_it_once(owner, rough, caplog):
    rough.answer = in_act("421 4.3.2 Not now", "GREET", times=10**6)
    attempt = start(owner, 1)
    for _ in range(3):  # as other workers do, who had begun by then
        holding.rest_server(attempt.pk, "421 4.3.2 Not now")
        holding.rest_attempt(attempt.pk, "The mail server closed the connection.")
    attempt.refresh_from_db()
    assert (MailServer.objects.get().failures, attempt.setbacks) == (1, 1)
    told = [record.message.partition(" rests until ")[0] for record in caplog.records]
    assert told == ["the mail server", f"attempt {attempt.pk}"]


def test_a_break_costs_one_try_however_many_mails_were_written_ahead(owner, rough, settings, time_machine):
    """The others are sent again at once, and marked if the server may have them."""
    settings.MAIL_CONNECTIONS = 1
    broken = []

    def answer(session, verb, _line):
        if verb == "DOT" and session.mails == 12 and not broken:
            broken.append(session)
            sleep(0.3)  # more is written meanwhile
            raise Cut

    rough.offers, rough.answer = CHUNKS, answer
    attempt = start(owner, 40)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("running", 39)
    assert attempt.possibly_twice > 3
    attempt = go_on(attempt, time_machine)
    assert (attempt.status, attempt.sent) == ("succeeded", 40)
    tries = list(attempt.deliveries.values_list("tries", flat=True))
    assert (tries.count(1), tries.count(2)) == (39, 1)


@pytest.mark.parametrize("offers", EVERY)
def test_a_poisonous_mail_does_not_loop_and_does_not_stop_the_others(
    owner, rough, settings, time_machine, offers
):
    """The server breaks down whenever it gets this one mail."""

    def answer(session, verb, line):
        if verb == "DOT" and line.startswith("2@"):
            session.hang_up()
            return b""
        return None

    rough.offers, rough.answer = offers, answer
    settings.MAIL_MAX_TRIES = 5
    attempt = go_on(start(owner, 6), time_machine, times=60)
    poison = attempt.deliveries.get(email="2@example.org")
    assert (poison.status, poison.tries) == ("failed", 5)
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 5, 1)
    assert not MailServer.objects.filter(failures__gt=0).exists(), "the others' mail is none the worse"
    assert set(rough.recipients) >= {f"{n}@example.org" for n in range(6) if n != 2}
    extra = len(rough.recipients) - len(set(rough.recipients))
    assert extra <= sum(attempt.deliveries.filter(possibly_twice=True).values_list("tries", flat=True))


@pytest.mark.parametrize("offers", EVERY)
@pytest.mark.parametrize("verb", ["RCPT", "DOT"])
def test_4xx_is_retried_alone_while_others_go_on(owner, rough, time_machine, offers, verb):
    busy = ["451 4.7.1 Greylisted"]
    rough.offers = offers
    rough.answer = lambda _, said, line: busy[0] if said == verb and "3@" in line else None
    attempt = start(owner, 8)
    assert (attempt.sent, attempt.status) == (7, "running")
    assert attempt.deliveries.get(email="3@example.org").tries == 1
    busy[0] = None
    go_on(attempt, time_machine)
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 8, 0)
    assert sorted(rough.recipients) == [f"{n}@example.org" for n in range(8)]


@pytest.mark.parametrize(
    ("said", "earliest", "latest"),
    [("450 4.2.0 Greylisted", 54, 66), ("450 4.2.0 Greylisted, try again in 200 seconds", 200, 220)],
)
def test_a_retry_comes_when_it_is_due_and_not_with_the_next_sweep(
    owner, rough, time_machine, said, earliest, latest
):
    rough.answer = in_act(said, "RCPT", times=20)
    attempt = start(owner, 20)
    assert attempt.sent == 0
    [task] = HUEY.scheduled()
    first = attempt.deliveries.order_by("next_try_at")[0].next_try_at
    assert abs(task.eta.replace(tzinfo=UTC) - first) < timedelta(seconds=1)
    assert earliest <= (first - attempt.started_at).total_seconds() <= latest + 10
    time_machine.move_to(timezone.now() + timedelta(seconds=latest))
    worker.resume(attempt.pk)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("succeeded", 20)


@pytest.mark.parametrize("offers", EVERY)
def test_5xx_fails_for_good_and_only_5_1_x_suppresses(owner, rough, offers):
    said = {"1@": "550 5.1.1 No such user", "2@": "552 5.2.2 Mailbox full"}
    rough.offers = offers
    rough.answer = lambda _, verb, line: said.get(line[9:11]) if verb == "RCPT" else None
    attempt = start(owner, 5)
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 3, 2)
    assert attempt.deliveries.get(email="1@example.org").response == said["1@"]
    assert list(Suppression.objects.values_list("email", "reason")) == [("1@example.org", "bounced")]


@pytest.mark.parametrize("offers", EVERY)
@pytest.mark.parametrize(
    ("verb", "how"),
    [
        ("MAIL", "550 5.7.1 Sender not allowed"),
        ("MAIL", "530 5.7.0 Authentication required"),
        ("RCPT", "554 5.7.1 <x>: Sender address rejected: not owned by user"),
    ],
)
def test_a_refused_sender_holds_the_attempt_in_plain_sight(owner, rough, offers, verb, how):
    rough.offers = offers
    rough.answer = in_act(how, verb, times=100)
    attempt = start(owner, 4)
    assert attempt.held_at is not None
    assert how in attempt.problem
    assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}
    rough.answer = as_usual
    assert mailings.try_again(attempt)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("succeeded", 4)
    assert sorted(rough.recipients) == [f"{n}@example.org" for n in range(4)]


@pytest.mark.parametrize("offers", EVERY)
def test_cut_after_the_final_dot_is_sent_again_with_the_same_message_id_and_counted(
    owner, rough, time_machine, offers
):
    rough.offers = offers
    rough.answer = in_act(Cut, "DOT", times=1)
    attempt = go_on(start(owner, 10), time_machine)
    assert (attempt.status, attempt.sent) == ("succeeded", 10)
    twice = sorted(to for to in set(rough.recipients) if rough.recipients.count(to) > 1)
    counted = sorted(attempt.deliveries.filter(possibly_twice=True).values_list("email", flat=True))
    assert len(twice) == 1
    assert set(twice) <= set(counted)
    assert attempt.possibly_twice == len(counted)
    mails = [mail.content for mail in rough.taken if mail.recipient in twice]
    ids = {content.partition(b"Message-ID: ")[2].partition(b"\r\n")[0] for content in mails}
    assert len(ids) == 1


def test_a_stalled_server_is_dropped_in_time_and_all_arrive(owner, rough, settings, time_machine):
    settings.MAIL_TIMEOUT = 1

    def answer(session, verb, line):
        if verb != "RCPT" or len(rough.sessions) >= 5:
            return None
        rough.over.wait(4)
        return b""

    rough.answer = answer
    began = monotonic()
    attempt = start(owner, 10)
    assert monotonic() - began < 8
    go_on(attempt, time_machine)
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 10, 0)
    assert sorted(rough.recipients) == sorted(f"{n}@example.org" for n in range(10))


@pytest.mark.parametrize("offers", EVERY)
def test_stopping_brings_what_is_begun_to_its_end_and_releases_the_rest(owner, rough, offers, monkeypatch):
    rough.offers = offers

    def answer(session, verb, line):
        if verb == "DOT" and len(rough.taken) == 20:
            STOPPING.set()

    rough.answer = answer
    attempt = start(owner, 200)
    taken = list(rough.recipients)
    assert 20 < len(taken) < 200
    sent = attempt.deliveries.filter(status="sent").values_list("email", flat=True)
    assert sorted(sent) == sorted(taken)
    assert attempt.deliveries.filter(status="queued", lease="", tries=0).count() == 200 - len(taken)
    assert not Lease.objects.filter(running=True).exists()
    STOPPING.clear()
    worker.send_attempt(attempt.pk, Lease.objects.get().token)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 200, 0)
    assert len(rough.recipients) == len(set(rough.recipients)) == 200


def test_a_claim_whose_answer_was_lost_is_neither_forgotten_nor_sent_twice(owner, rough, monkeypatch):
    """The database goes away after it has committed and before it says so."""
    lost = []
    make = LedgerClaims.record_and_claim

    def make_and_lose(exchange, results=(), *, claim=0):
        exchanged = make(exchange, results, claim=claim)
        if not lost and results and exchanged.claimed:
            lost.extend(exchanged.claimed)
            raise OperationalError("server closed the connection unexpectedly")
        return exchanged

    monkeypatch.setattr(LedgerClaims, "record_and_claim", make_and_lose)
    monkeypatch.setattr(ledger_writer, "DATABASE_PAUSE_SECONDS", 0)
    attempt = start(owner, 250)
    assert lost
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 250, 0)
    assert len(rough.recipients) == len(set(rough.recipients)) == 250
    assert not Lease.objects.exists()


def test_a_result_that_could_not_be_recorded_is_in_doubt_and_counted(owner, rough, monkeypatch, time_machine):
    """Whatever the database says, a mail that went out is never put back as if it had not been begun."""
    failed = []
    make = LedgerClaims.record_and_claim

    def make_and_fail(exchange, results=(), *, claim=0):
        if not failed and results:
            failed.extend(results)
            raise DataError("unsupported Unicode escape sequence")
        return make(exchange, results, claim=claim)

    monkeypatch.setattr(LedgerClaims, "record_and_claim", make_and_fail)
    attempt = go_on(start(owner, 250), time_machine)
    assert failed
    assert (attempt.status, attempt.sent) == ("succeeded", 250)
    twice = {email for email in rough.recipients if rough.recipients.count(email) > 1}
    counted = attempt.deliveries.filter(possibly_twice=True).values_list("email", flat=True)
    assert {result.delivery.email for result in failed} == twice
    assert twice <= set(counted)
    assert attempt.possibly_twice == len(counted)


def test_never_more_than_a_window_is_in_the_hands_of_a_worker(owner, rough, settings):
    settings.MAIL_WINDOW = 10
    rough.offers = CHUNKS
    most = []

    def answer(session, verb, line):
        if verb == "DOT" and len(rough.taken) % 7 == 0:
            most.append(Delivery.objects.filter(status="sending").count())
            connection.close()

    rough.answer = answer
    attempt = start(owner, 60)
    assert attempt.status == "succeeded"
    assert 0 < max(most) <= 10


@pytest.mark.parametrize("how", ["paused", "disabled", "blocked"])
def test_a_switch_stops_the_worker_within_a_second(owner, rough, how):
    thrown = []

    def throw():
        if how == "blocked":
            type(owner).objects.filter(pk=owner.pk).update(is_active=False)
        else:
            Mailing.objects.update(**{f"{how}_at": timezone.now()})
        connection.close()

    def answer(session, verb, line):
        if verb == "DOT":
            if len(rough.taken) >= 5 and not thrown:
                thrown.append(0.0)
                throw()
                thrown[0] = monotonic()
            session.server.over.wait(0.05)

    rough.answer = answer
    attempt = start(owner, 150)
    assert monotonic() - thrown[0] < 1.5
    assert len(rough.taken) < 150
    attempt.refresh_from_db()
    assert attempt.sent == len(rough.taken)
    assert attempt.deliveries.filter(status="queued", lease="").count() == 150 - attempt.sent


def test_an_owners_ten_do_not_wait_for_anothers_thousands(owner, stranger, rough, settings, monkeypatch):
    """One worker, and turns of a second: the small one goes out while the large one still runs."""
    settings.MAIL_SLICE_SECONDS = 1
    queued = []
    monkeypatch.setattr(leases, "_queue", lambda *args: queued.append(args[:2]))
    rough.answer = lambda session, verb, _: (rough.over.wait(0.02 if verb == "DOT" else 0), None)[1]
    large = start(owner, 400)
    small = make_mailing(stranger, [ClientFactory(owner=stranger) for _ in range(10)]).attempts.get()
    assert [attempt_id for attempt_id, _ in queued] == [large.pk, small.pk]
    for _ in range(2):
        worker.send_attempt(*queued.pop(0))
    large.refresh_from_db()
    small.refresh_from_db()
    assert (small.status, small.sent) == ("succeeded", 10)
    assert large.status == "running"
    assert 0 < large.sent < 400
    assert {attempt_id for attempt_id, _ in queued} == {large.pk}


def test_a_mail_backend_of_another_kind_is_used(owner, settings, mailoutbox):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    attempt = start(owner, 3)
    assert (attempt.status, attempt.server_response) == ("succeeded", "3 × accepted by the mail back end")
    assert sorted(parseaddr(mail.to[0])[1] for mail in mailoutbox) == [f"{n}@example.org" for n in range(3)]


def test_a_deleted_mailing_leaves_nothing_behind(owner, rough, settings):
    rough.answer = lambda _, verb, __: _delete() if verb == "DOT" and len(rough.taken) == 3 else None
    settings.MAIL_WINDOW = 10
    make_mailing(owner, clients(owner, 50))
    assert len(rough.taken) < 50
    assert not Attempt.objects.exists()
    assert not Delivery.objects.exists()


def _delete():
    for mailing in Mailing.objects.all():
        mailings.delete(mailing)
    connection.close()


def test_a_consumer_that_starts_queues_again_what_a_killed_one_took_along(owner, rough, monkeypatch):
    queued = []
    monkeypatch.setattr(leases, "_queue", lambda *args: queued.append(args[:2]))
    attempt = start(owner, 3)
    leases.queue_again()
    assert queued == [queued[0]] * 2
    for args in queued:
        worker.send_attempt(*args)
    attempt.refresh_from_db()
    assert (attempt.status, rough.recipients) == ("succeeded", [f"{n}@example.org" for n in range(3)])
    assert queued == [queued[0]] * 2
