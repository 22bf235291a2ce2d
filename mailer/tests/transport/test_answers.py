"""Answers that say the same are counted as one; their summary says first what went wrong."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.transport.answers import alike, is_refusal, summary

SAME = {
    "Postfix, BDAT": (
        "250 2.0.0 Ok: 15844 bytes queued as 4fXk2L1zQ",
        "250 2.0.0 Ok: 9 bytes queued as A1B2C3D4E5",
        "250 2.0.0 Ok: … bytes queued as …",
    ),
    "Postfix": ("250 2.0.0 Ok: queued as 4F1A2", "250 2.0.0 Ok: queued as X", "250 2.0.0 Ok: queued as …"),
    "Exim, BDAT": (
        "250 2058 byte chunk, total 2058 OK id=1rABCD-0001Xy-2B",
        "250 9 byte chunk, total 11 OK id=abc",
        "250 … byte chunk, total … OK …",
    ),
    "Exim": ("250 OK id=1rABCD-0001Xy-2B", "250 OK id=1sZZZZ-000000000Ab-1c2D", "250 OK …"),
    "Mailpit": ("250 Queued (0.141 seconds)", "250 Queued (12 seconds)", "250 Queued (… seconds)"),
    "short ids": ("250 queued as 1-1", "250 queued as 12345-99", "250 queued as …"),
    "sendmail": (
        "250 2.0.0 4AR9x1bc012345 Message accepted for delivery",
        "250 2.0.0 4ARA02Zy012399 Message accepted for delivery",
        "250 2.0.0 … Message accepted for delivery",
    ),
    "OpenSMTPD": (
        "250 2.0.0 1a2b3c4d Message accepted for delivery",
        "250 2.0.0 ff00aa11 Message accepted for delivery",
        "250 2.0.0 … Message accepted for delivery",
    ),
    "qmail": ("250 ok 1700000000 qp 12345", "250 ok 1700000009 qp 7", "250 ok … qp …"),
    "Gmail": (
        "250 2.0.0 OK  1700000000 d2e1a72fcca58-6c8e1234567si.123 - gsmtp",
        "250 2.0.0 OK  1700000011 x1si.5 - gsmtp",
        "250 2.0.0 OK  … … - gsmtp",
    ),
    "Exchange": (
        "250 2.6.0 <a@example.com> [InternalId=12345678, Hostname=DB3PR.eurprd.prod.outlook.com]"
        " 12345 bytes in 0.123, 98.765 KB/sec Queued mail for delivery",
        "250 2.6.0 <b.c@example.org> [InternalId=9, Hostname=AM0P.eurprd.prod.outlook.com]"
        " 7 bytes in 1.2, 5 KB/sec Queued mail for delivery",
        "250 2.6.0 … […, …] … bytes in …, … KB/sec Queued mail for delivery",
    ),
    "Yandex": (
        "250 2.0.0 Ok: queued on myt5-01a.mail.yandex.net 1700000000-abcdEFGH",
        "250 2.0.0 Ok: queued on sas.mail.yandex.net 1700000001-1234zzzz",
        "250 2.0.0 Ok: queued on … …",
    ),
    "SES": ("250 Ok 0102018c2d4f6a7b-1a-000000", "250 Ok 0107018c2d4f6a99-2b-000000", "250 Ok …"),
    "recipients": (
        "550 5.1.1 <ann@example.org>: Recipient address rejected: User unknown",
        "550 5.1.1 <bob.b@example.net>: Recipient address rejected: User unknown",
        "550 5.1.1 …: Recipient address rejected: User unknown",
    ),
    "recipients without brackets": (
        "550 5.1.1 ann@example.org User unknown",
        "550 5.1.1 bob@example.net User unknown",
        "550 5.1.1 … User unknown",
    ),
    "names": ("550 User ann not found", "550 User bob-7 not found", "550 User … not found"),
    "quoted names": (
        '550 5.1.1 <a@example.org>: undeliverable address: unknown user: "a"',
        '550 5.1.1 <b@example.org>: undeliverable address: unknown user: "b"',
        "550 5.1.1 …: undeliverable address: unknown user: …",
    ),
    "Gmail's refusal": (
        "550 5.1.1 The account does not exist. Please try 5.1.1 again, see"
        " https://support.google.com/mail/?p=NoSuchUser e22-n7GpZmsf093195.222 - gsmtp",
        "550 5.1.1 The account does not exist. Please try 5.1.1 again, see"
        " https://support.google.com/mail/?p=NoSuchUser y3si675602plr.1 - gsmtp",
        "550 5.1.1 The account does not exist. Please try 5.1.1 again, see"
        " https://support.google.com/mail/?p=NoSuchUser … - gsmtp",
    ),
    "IP addresses": (
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred - 4.16.55.1",
        "421 4.7.0 [TSS04] Messages from 2001:db8::1 temporarily deferred - 4.16.55.1",
        "421 4.7.0 [TSS04] Messages from … temporarily deferred - …",
    ),
    "host names": (
        "421 mx1.example.org: SMTP command timeout - closing connection",
        "421 mx.mail.example.net: SMTP command timeout - closing connection",
        "421 …: SMTP command timeout - closing connection",
    ),
    "hosts, times and ids in brackets": (
        "550 5.7.1 Access denied [AM0EUR.prod.outlook.com 2026-11-27T12:00:00.000Z 08DC8850F12E1502]",
        "550 5.7.1 Access denied [DB3NAM.prod.outlook.com 2026-11-28T13:01:00.123Z 08DC88]",
        "550 5.7.1 Access denied …",
    ),
    "waits": (
        "450 4.7.1 Greylisted, try again in 299 seconds",
        "450 4.7.1 Greylisted, try again in 3 seconds",
        "450 4.7.1 Greylisted, try again in … seconds",
    ),
    "clock times": (
        "451 4.7.1 Please come back in 00:04:59",
        "451 4.7.1 Please come back in 00:00:01",
        "451 4.7.1 Please come back in …",
    ),
    "dates": (
        "421 Closed at Fri, 27 Nov 2026 12:00:01 +0000",
        "421 Closed at Sat, 5 Dec 2026 23:59:59 +0100",
        "421 Closed at …",
    ),
    "sizes": (
        "552 5.3.4 Message size (15000) exceeds limit of 10240 bytes",
        "552 5.3.4 Message size (99) exceeds limit of 7 bytes",
        "552 5.3.4 Message size (…) exceeds limit of … bytes",
    ),
}


@pytest.mark.parametrize(("one", "other", "both"), SAME.values(), ids=SAME)
def test_what_differs_from_mail_to_mail_is_left_out(one, other, both):
    assert (alike(one), alike(other)) == (both, both)


@pytest.mark.parametrize(
    "answer",
    [
        "250 OK",
        "250 2.0.0 Ok",
        "250 2.1.5 Recipient ok",
        "550 Unrouteable address",
        "452 4.3.1 daily sending quota reached",
        "550 5.2.1 Mailbox disabled",
        "Not mailed: unsubscribed",
    ],
)
def test_what_does_not_differ_stays(answer):
    assert alike(answer) == answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("550 5.1.1 User unknown", "550 5.2.1 User unknown"),
        ("550 5.1.1 User unknown", "450 5.1.1 User unknown"),
        ("250 2.0.0 Ok", "250 2.1.5 Ok"),
        ("554 5.7.1 <a@b.org>: Relay access denied", "554 5.7.1 <a@b.org>: Sender address rejected"),
        (
            "554 Host [192.0.2.1] blocked using a.example.org",
            "554 Host [192.0.2.1] blocked using b.example.org",
        ),
    ],
)
def test_codes_and_words_keep_answers_apart(one, other):
    assert alike(one) != alike(other)


def test_an_endless_answer_is_cut():
    assert len(alike("550 " + "word " * 1000)) == 300


@pytest.mark.parametrize("piece", ["a", "<", "[", '"', "@", "1:", "a.", "-1", "id=", "user x ", "\u00e9"])
def test_time_grows_with_the_length_and_no_faster(piece):
    def seconds(length: int) -> float:
        text = "550 " + piece * (length // len(piece))
        return min(_measured(text + str(n)) for n in range(5))

    assert seconds(16_000) < 40 * seconds(2_000) + 0.02


def _measured(text: str) -> float:
    start = time.process_time()  # whatever else the machine does
    alike.__wrapped__(text)
    return time.process_time() - start


@given(st.text(max_size=600))
def test_any_text_has_a_short_form(text):
    assert len(alike(text)) <= 300
    assert len(alike(f"550 5.1.1 {text}")) <= 300
    assert alike(f"550 5.1.1 {text}").startswith("550 5.1.1")


def test_refusals_come_first_and_then_the_most_frequent():
    answers = {
        "250 Ok": 900,
        "Not mailed: unsubscribed": 3,
        "550 5.1.1 User unknown": 2,
        "450 4.2.0 Greylisted": 7,
        "250 2.0.0 Ok": 901,
    }
    assert summary(answers).splitlines() == [
        "7 × 450 4.2.0 Greylisted",
        "2 × 550 5.1.1 User unknown",
        "901 × 250 2.0.0 Ok",
        "900 × 250 Ok",
        "3 × Not mailed: unsubscribed",
    ]


def test_ten_lines_are_enough_and_nothing_is_lost():
    answers = {f"550 5.1.1 kind {n}": n + 1 for n in range(20)} | {"250 Ok": 5, "other answers": 100}
    lines = summary(answers).splitlines()
    assert len(lines) == 10
    assert lines[0] == "20 × 550 5.1.1 kind 19"
    assert lines[8] == "5 × 250 Ok"
    assert lines[9] == f"{100 + sum(range(1, 13))} × other answers"
    assert sum(int(line.split(" ")[0]) for line in lines) == sum(answers.values())


def test_ten_kinds_are_all_named():
    answers = {f"250 kind {n}": 1 for n in range(10)}
    assert summary(answers) == "\n".join(f"1 × 250 kind {n}" for n in range(10))
    assert summary({}) == ""


def test_our_own_reasons_are_no_refusals():
    assert is_refusal("550 5.1.1 User unknown")
    assert is_refusal("421")
    assert not is_refusal("Not mailed: unsubscribed")
    assert not is_refusal("250 Ok")
    assert not is_refusal("4500 mails")
