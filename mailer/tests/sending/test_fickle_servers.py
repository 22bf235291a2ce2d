"""Servers that change their mind, contradict themselves, or answer in no known way of writing."""

import pytest
from django.db.models import Count

from mailer import mailings
from mailer.models import Suppression
from testing.rough_server import CHUNKS, Taken
from testing.sending import as_usual, go_on, in_act, start

pytestmark = pytest.mark.django_db(transaction=True)


def by_status(attempt):
    rows = attempt.deliveries.values_list("status", "tries").order_by()
    return {(status, tries): number for status, tries, number in rows.annotate(number=Count("pk"))}


def everybody(number):
    return sorted(f"{n}@example.org" for n in range(number))


def test_a_server_that_defers_a_thousand_mails_and_then_takes_all(owner, rough, time_machine):
    rough.answer = in_act("451 4.7.1 Please try again later", "RCPT", times=1000)
    attempt = go_on(start(owner, 1200), time_machine, times=100)
    assert (attempt.status, attempt.sent, attempt.failed) == ("succeeded", 1200, 0)
    assert attempt.possibly_twice == 0
    assert sorted(rough.recipients) == everybody(1200)


def test_a_server_that_refuses_us_for_a_thousand_mails_burns_nobody(owner, rough):
    refused = []

    def answer(_session, verb, line):
        if verb == "RCPT" and line.endswith("@example.org>"):
            refused.append(line)
            return "550 5.7.26 This mail is unauthenticated"
        return None

    rough.answer = answer
    attempt = start(owner, 300)
    while len(refused) < 1000:
        assert attempt.held_at is not None
        assert by_status(attempt) == {("queued", 0): 300}
        assert mailings.try_again(attempt)
        attempt.refresh_from_db()
    rough.answer = as_usual
    assert mailings.try_again(attempt)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 300, 0)
    assert sorted(mail for mail in rough.recipients if mail.endswith("@example.org")) == everybody(300)


EIGHT_BIT = {
    "KOI8-R": "Отправитель отвергнут".encode("koi8-r"),
    "windows-1251": "Отправитель отвергнут".encode("cp1251"),
    "Latin-1": "Expéditeur refusé".encode("latin-1"),
    "GB18030": "拒绝".encode("gb18030"),
}


@pytest.mark.parametrize("text", EIGHT_BIT.values(), ids=EIGHT_BIT)
def test_a_refusal_in_eight_bits_holds_the_run_and_is_shown(owner, rough, text):
    rough.answer = in_act(b"550 5.7.1 " + text + b"\r\n", "RCPT", times=10**6)
    attempt = start(owner, 60)
    assert attempt.held_at is not None
    assert attempt.problem.startswith("550 5.7.1 ")
    assert by_status(attempt) == {("queued", 0): 60}


@pytest.mark.parametrize("text", EIGHT_BIT.values(), ids=EIGHT_BIT)
def test_an_acceptance_in_eight_bits_is_one(owner, rough, text):
    rough.offers = CHUNKS

    def answer(session, verb, to):
        if verb == "DOT":
            return b"250 2.0.0 %s %X\r\n" % (text, rough.take(Taken(to, b"", "", session)))
        return None

    rough.answer = answer
    attempt = start(owner, 60)
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 60, 0)
    assert sorted(rough.recipients) == everybody(60)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("550 4.2.2 Mailbox full", {("sent", 1): 29, ("failed", 1): 1}),
        ("450 5.1.1 User unknown", {("sent", 1): 29, ("queued", 1): 1}),
        ("550 2.1.5 Ok", {("sent", 1): 29, ("failed", 1): 1}),
        ("450 2.1.5 Ok", {("sent", 1): 29, ("queued", 1): 1}),
        ("250 5.1.1 User unknown", {("sent", 1): 30}),
    ],
)
def test_of_codes_that_contradict_each_other_the_reply_code_counts(owner, rough, said, wanted):
    """RFC 5321 section 4.2: a client acts by the reply code; what follows is for people."""
    rough.answer = lambda _, verb, line: said if verb == "RCPT" and "<7@" in line else None
    attempt = start(owner, 30)
    assert by_status(attempt) == wanted
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("said", ["550-5.1.1 No\r\n250 2.1.5 Ok", "250-2.1.5 Ok\r\n550 5.1.1 No"])
def test_a_reply_whose_lines_contradict_each_other_decides_nothing(owner, rough, time_machine, said):
    rough.answer = in_act(said, "RCPT", times=1)
    attempt = go_on(start(owner, 30), time_machine)
    assert (attempt.status, attempt.sent, attempt.failed) == ("succeeded", 30, 0)
    assert sorted(rough.recipients) == everybody(30)
