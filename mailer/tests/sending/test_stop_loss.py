"""A plain "no" from the mail server: what is about us holds the run, and uses nobody up."""

from datetime import timedelta

import pytest
from django.db.models import Count
from django.utils import timezone

from mailer import mailings
from mailer.models import MailServer, Suppression
from testing.factories import ClientFactory
from testing.rough_server import CHUNKS, PLAIN, Cut
from testing.sending import as_usual, clients, come_by, go_on, in_act, make_mailing, start

pytestmark = pytest.mark.django_db(transaction=True)

ABOUT_US = {
    "policy": ("DOT", "550 5.7.515 Access denied, sending domain example.com does not meet the required"
               " authentication level."),
    "not authenticated": ("DOT", "550-5.7.26 This mail has been blocked:\r\n550 5.7.26 unauthenticated."),
    "blocklist": ("RCPT", "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org"),
    "no log-in": ("RCPT", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"),
    "relay": ("RCPT", "550 relay not permitted"),
    "relay for now": ("RCPT", "454 4.7.1 <x@example.org>: Relay access denied"),
    "HELO": ("RCPT", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"),
    "sender domain": ("RCPT", "450 4.1.8 <us@example.com>: Sender address rejected: Domain not found"),
    "verify": ("RCPT", "550 Sender verify failed"),
    "spam": ("DOT", "554 5.7.1 This message has been classified as SPAM"),
    "content": ("DOT", "550 5.7.1 content refused"),
    "no rule": ("RCPT", "550 Invalid recipient"),
    "another language": ("RCPT", "550 Отказано"),
}  # fmt: skip


HOSTS = ("a.org", "b.org")


def statuses(attempt):
    rows = attempt.deliveries.values_list("status", "tries").order_by().annotate(number=Count("pk"))
    return {(status, tries): number for status, tries, number in rows}


@pytest.mark.parametrize("offers", [PLAIN, CHUNKS])
@pytest.mark.parametrize(("verb", "said"), ABOUT_US.values(), ids=ABOUT_US)
def test_a_refusal_that_is_about_us_holds_the_run_and_uses_nobody_up(owner, rough, offers, verb, said):
    rough.offers = offers
    rough.answer = in_act(said, verb, times=10**6)
    attempt = start(owner, 60)
    assert attempt.held_at is not None
    assert (attempt.status, attempt.sent, attempt.failed) == ("running", 0, 0)
    assert statuses(attempt) == {("queued", 0): 60}
    assert sum(line.startswith("RCPT") for session in rough.sessions for line in session.said) <= 40
    assert not Suppression.objects.exists()
    come_by()
    assert rough.taken == []

    rough.answer = as_usual
    assert mailings.try_again(attempt)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 60, 0)
    assert sorted(rough.recipients) == sorted(f"{n}@example.org" for n in range(60))


@pytest.mark.parametrize("said", ["550 Unrouteable address", "550 Invalid recipient: <0@example.org>"])
def test_what_may_be_about_us_is_about_the_first_recipient_when_others_are_taken(owner, rough, said):
    rough.answer = lambda _, verb, line: said if verb == "RCPT" and line[9:11] in ("0@", "7@") else None
    attempt = start(owner, 30)
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 28, 2)
    assert set(Suppression.objects.values_list("email", flat=True)) == {"0@example.org", "7@example.org"}


@pytest.mark.parametrize("offers", [(), PLAIN, CHUNKS])
def test_a_server_that_closes_behind_a_refusal_has_begun_nothing_else(owner, rough, offers):
    """Exim's `drop`: what was written ahead is unread, and so the connection is reset and not closed."""

    def answer(session, verb, line):
        if verb == "RCPT" and line[9] in "159" and line[10] == "3":
            session.send(b"550 5.1.1 User unknown\r\n")
            session.reset()
            raise Cut

    rough.offers, rough.answer = offers, answer
    attempt = start(owner, 100)
    assert (attempt.status, attempt.sent, attempt.failed, attempt.possibly_twice) == ("partly", 97, 3, 0)
    assert statuses(attempt) == {("sent", 1): 97, ("failed", 1): 3}
    assert len(rough.taken) == 97


@pytest.mark.parametrize("offers", [(), PLAIN, CHUNKS])
@pytest.mark.parametrize(
    "said",
    [
        "452 4.5.3 Too many recipients: Too many messages sent",
        "421 too many messages in this connection",
    ],
)
def test_a_limit_of_mails_for_each_connection_costs_no_try_and_no_rest(owner, rough, offers, said):
    """OpenSMTPD and Exim say it at MAIL, to what may be written ahead."""
    rough.offers = offers
    rough.answer = lambda session, verb, _: said if verb == "MAIL" and session.mails >= 10 else None
    attempt = start(owner, 200)
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 200, 0)
    assert statuses(attempt) == {("sent", 1): 200}
    assert sorted(rough.recipients) == sorted(f"{n}@example.org" for n in range(200))
    assert len(rough.sessions) <= 200 // 10 + 4
    assert not MailServer.objects.exists()


def test_trying_again_while_the_refusal_stands_holds_again_and_burns_nobody(owner, rough):
    rough.answer = in_act("550 5.7.26 unauthenticated", "DOT", times=10**6)
    attempt = start(owner, 100)
    for _ in range(3):
        assert mailings.try_again(attempt)
        attempt.refresh_from_db()
        assert attempt.held_at is not None
        assert statuses(attempt) == {("queued", 0): 100}


@pytest.mark.parametrize("number", [3, 60])
def test_trying_again_uses_no_connection_from_before(owner, rough, number):
    """What a server decides when it is connected to, or has read from its configuration by then, stays so."""
    refusing, old = [True], set()

    def answer(session, verb, line):
        if refusing[0]:
            old.add(session)
        return "554 5.7.1 Client host rejected" if verb == "RCPT" and session in old else None

    rough.answer = answer
    attempt = start(owner, number)
    assert attempt.held_at is not None
    refusing[0] = False
    assert mailings.try_again(attempt)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", number, 0)


def test_a_few_recipients_who_are_all_refused_are_held_as_well(owner, rough):
    rough.answer = in_act("550 5.7.26 unauthenticated", "DOT", times=10**6)
    attempt = start(owner, 3)
    assert attempt.held_at is not None
    assert statuses(attempt) == {("queued", 0): 3}


@pytest.mark.parametrize("offers", [PLAIN, CHUNKS])
@pytest.mark.parametrize(
    "said",
    [
        "452 4.3.1 daily sending quota reached",
        "550 5.4.5 Daily user sending limit exceeded.",
        "450 4.7.1 too many recipients",
        "451 4.7.1 rate overlimit, try again in 5 minutes",
    ],
)
def test_a_quota_rests_the_server_and_costs_no_try(owner, rough, time_machine, offers, said):
    rough.offers = offers
    rough.answer = in_act(said, "RCPT", times=10**6)
    attempt = start(owner, 30)
    for _ in range(12):
        time_machine.move_to(timezone.now() + timedelta(hours=4, minutes=10))
        come_by()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.failed) == ("running", 0)
    assert statuses(attempt) == {("queued", 0): 30}
    server = MailServer.objects.get()
    assert server.rests_until is not None
    assert said.split(",")[0] in attempt.problem

    rough.answer = as_usual
    go_on(attempt, time_machine, times=60)
    assert (attempt.status, attempt.sent) == ("succeeded", 30)


def test_the_rest_lasts_as_long_as_the_answer_says(owner, rough):
    rough.answer = in_act("451 4.7.1 Rate limit exceeded, try again in 7 minutes", "RCPT", times=10**6)
    start(owner, 10)
    rest = (MailServer.objects.get().rests_until - timezone.now()).total_seconds()
    assert 415 < rest <= 421


def test_dead_mailboxes_between_good_ones_fail_alone(owner, rough):
    dead = {f"{n}@example.org" for n in range(0, 200, 33)}
    rough.answer = lambda _, verb, line: (
        "550 5.1.1 No such user" if verb == "RCPT" and line[9:-1] in dead else None
    )
    attempt = start(owner, 200)
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 200 - len(dead), len(dead))
    assert set(Suppression.objects.values_list("email", flat=True)) == dead


def test_one_domain_that_refuses_us_does_not_stop_the_others(owner, rough, settings):
    settings.MAIL_STOP_AFTER = 5
    people = [
        ClientFactory(owner=owner, email=f"{n}@{host}") for n in range(30) for host in ("a.org", "b.org")
    ]
    rough.answer = lambda _, verb, line: (
        "550 5.7.1 We do not like you" if verb == "RCPT" and "b.org" in line else None
    )
    attempt = make_mailing(owner, people).attempts.get()
    assert attempt.sent == 30
    assert attempt.held_at is not None
    assert attempt.problem.startswith("b.org: 550 5.7.1")
    assert statuses(attempt)["queued", 0] == 30
    knocks = sum(line.startswith("RCPT TO") and "b.org" in line for s in rough.sessions for line in s.said)
    assert knocks < 20
    rough.answer = as_usual
    assert mailings.try_again(attempt)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("succeeded", 60)


def test_a_few_refused_by_policy_among_many_sent_fail_when_refused_again(owner, rough, time_machine):
    rough.answer = lambda _, verb, line: (
        "550 5.7.1 We do not like you" if verb == "RCPT" and "<7@" in line else None
    )
    attempt = start(owner, 30)
    assert (attempt.status, attempt.sent, attempt.failed) == ("running", 29, 0)
    assert statuses(attempt) == {("sent", 1): 29, ("queued", 1): 1}
    go_on(attempt, time_machine)
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 29, 1)
    refused = attempt.deliveries.get(status="failed")
    assert (refused.email, refused.response) == ("7@example.org", "550 5.7.1 We do not like you")
    assert not Suppression.objects.exists()


def test_a_few_refused_by_policy_get_their_mail_when_the_server_changes_its_mind(owner, rough, time_machine):
    rough.answer = in_act("550 5.7.1 We do not like you", "RCPT", times=15)
    attempt = start(owner, 45)
    assert (attempt.status, attempt.sent, attempt.failed) == ("running", 30, 0)
    go_on(attempt, time_machine)
    assert (attempt.status, attempt.sent, attempt.failed) == ("succeeded", 45, 0)
    assert len(rough.recipients) == len(set(rough.recipients)) == 45


def test_a_mail_that_is_too_large_is_held_with_both_numbers_before_anything_is_sent(owner, rough):
    rough.offers = (*PLAIN, "SIZE 300")
    attempt = start(owner, 4)
    assert attempt.held_at is not None
    assert "and the mail server takes 300" in attempt.problem
    assert statuses(attempt) == {("queued", 0): 4}
    assert not any(line.startswith("RCPT") for session in rough.sessions for line in session.said)


def test_the_size_is_said(owner, rough):
    rough.offers = (*PLAIN, "SIZE 1000000")
    attempt = start(owner, 2)
    assert attempt.status == "succeeded"
    assert {f"BODY=8BITMIME SIZE={len(mail.content)}" for mail in rough.taken} == {
        mail.options for mail in rough.taken
    }


def test_a_held_mailing_can_be_deleted(owner, rough):
    rough.answer = in_act("550 5.7.26 unauthenticated", "DOT", times=10**6)
    attempt = start(owner, 5)
    mailings.delete(attempt.mailing)
    come_by()
    assert not clients(owner, 0)
    assert not type(attempt).objects.filter(pk=attempt.pk).exists()


class TestExtensionsThatAreNotKeptTo:
    def test_servers_behind_one_name_may_offer_different_things(self, owner, rough):
        """Or one that changes what it offers from connection to connection."""
        offers = ["250-rough\r\n250-PIPELINING\r\n250 CHUNKING", "250 rough", "250-rough\r\n250 PIPELINING"]

        def answer(session, verb, line):
            if verb == "EHLO":
                return offers[rough.sessions.index(session) % 3]
            return "421 enough" if verb == "MAIL" and session.mails >= 8 else None

        rough.answer = answer
        attempt = start(owner, 150)
        assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 150, 0)
        assert statuses(attempt) == {("sent", 1): 150}
        assert sorted(rough.recipients) == sorted(f"{n}@example.org" for n in range(150))
        used = {any(line.startswith("BDAT") for line in session.said) for session in rough.sessions}
        assert used == {True, False}

    def test_chunking_that_is_refused_costs_no_recipient(self, owner, rough, time_machine):
        rough.offers = CHUNKS
        rough.answer = lambda session, verb, line: (
            "502 5.5.2 Error: command not recognized"
            if verb == "DOT" and session.said[-1][:4] == "BDAT"
            else None
        )
        attempt = go_on(start(owner, 40), time_machine)
        assert (attempt.status, attempt.sent, attempt.failed) == ("succeeded", 40, 0)
        assert set(attempt.deliveries.values_list("tries", flat=True)) == {1}
        assert sorted(rough.recipients) == sorted(f"{n}@example.org" for n in range(40))

    @pytest.mark.parametrize("code", ["501 5.5.4 Syntax error", "555 5.5.4 Unsupported option: BODY"])
    def test_parameters_that_are_refused_are_left_out(self, owner, rough, time_machine, code):
        rough.answer = lambda _, verb, line: code if verb == "MAIL" and "BODY=" in line else None
        attempt = go_on(start(owner, 10), time_machine)
        assert (attempt.status, attempt.sent) == ("succeeded", 10)
        assert {mail.options for mail in rough.taken} == {""}

    def test_pipelining_that_is_taken_amiss_is_left_out(self, owner, rough, time_machine):
        def answer(session, verb, line):
            ahead = session._buffer.count(b"\r\n")
            return "554 5.5.0 SMTP synchronization error" if verb == "MAIL" and ahead else None

        rough.answer = answer
        attempt = go_on(start(owner, 10), time_machine)
        assert (attempt.status, attempt.sent, attempt.failed) == ("succeeded", 10, 0)

    @pytest.mark.parametrize("offers", [PLAIN, CHUNKS])
    @pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
    def test_smtputf8_that_is_refused_costs_those_who_need_it_only(
        self, owner, rough, time_machine, offers, verb
    ):
        def answer(_session, said, line):
            needed = "SMTPUTF8" in line if verb == "MAIL" else not line.isascii()
            return "555 5.5.4 Unsupported option: SMTPUTF8" if said == verb and needed else None

        rough.offers, rough.answer = offers, answer
        people = [ClientFactory(owner=owner, email=f"почта{n}@example.org") for n in range(3)]
        people += clients(owner, 30)
        attempt = go_on(make_mailing(owner, people).attempts.get(), time_machine)
        assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 30, 3)
        assert sorted(rough.recipients) == sorted(f"{n}@example.org" for n in range(30))
