"""What a server's refusal is about: nobody's recipients are used up by one that is about us."""

import re
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.transport import refusals
from mailer.transport.refusals import KNOWN, RefusalClass, classify, explain
from mailer.transport.waits import wait_until

RECORDED = tomllib.loads((Path(__file__).parent / "data" / "recorded_answers.toml").read_text())["recorded"]
COMMANDS = ("GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "CONTENT", "RSET", "")
BURNS = {"gone", "recipient"}


def said(text: str, command: str = "RCPT") -> str:
    return classify(int(text[:3]), text, command=command).refusal_class.value


@pytest.mark.parametrize(
    ("text", "command", "wanted"),
    [
        ("550 5.7.515 Access denied, sending domain example.com does not meet the required"
         " authentication level", "RCPT", "sender"),
        ("550 5.7.26 This mail has been blocked because the sender is unauthenticated.", "CONTENT", "sender"),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
         "RCPT", "sender"),
        ("550 5.4.5 Daily user sending limit exceeded.", "RCPT", "quota"),
        ("554 Message rejected: Email address is not verified.", "CONTENT", "sender"),
        ("550 5.7.1 Relaying denied", "RCPT", "sender"),
        ("550 5.1.7 Bad sender address syntax", "RCPT", "sender"),
        ("550 5.1.8 Bad sender's system address", "RCPT", "sender"),
        ("535 5.7.8 Authentication credentials invalid", "AUTH", "sender"),
        ("550 No such user here", "RCPT", "gone"),
        ("550 5.2.1 Mailbox disabled", "RCPT", "gone"),
        ("452 4.3.1 daily sending quota reached", "CONTENT", "quota"),
        ("502 5.5.1 BDAT not implemented", "CONTENT", "server"),
        ("554 5.7.1 <host.example.com[192.0.2.1]>: Client host rejected: Access denied", "RCPT", "sender"),
        ("504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", "RCPT", "sender"),
        ("550 relay not permitted", "RCPT", "sender"),
        ("550 authentication required", "RCPT", "sender"),
        ("550 Sender verify failed", "RCPT", "sender"),
        ("550 Invalid recipient", "RCPT", "gone"),
        ("554 5.7.1 <a@example.org>: Recipient address rejected: Access denied", "RCPT", "sender"),
        ("554 5.7.1 <us@example.com>: Sender address rejected: Access denied", "RCPT", "sender"),
        ("550 This message was classified as SPAM and may not be delivered", "CONTENT", "content"),
        ("550 content refused", "CONTENT", "content"),
        ("550 5.7.1 message content rejected", "CONTENT", "content"),
        ("454 4.7.1 <a@example.org>: Relay access denied", "RCPT", "sender"),
        ("450 4.1.8 <us@example.com>: Sender address rejected: Domain not found", "RCPT", "sender"),
        ("450 4.1.8 Domain not found", "MAIL", "sender"),
        ("552 Message size exceeds maximum permitted", "CONTENT", "content"),
        ("554 5.3.4 Message too big for system", "MAIL", "content"),
        ("552 5.2.3 Message size exceeds fixed maximum message size (1000)", "MAIL", "content"),
        ("554 SMTP synchronization error (next input sent too soon)", "RCPT", "server"),
        ("421 4.7.0 mx.example.org Error: too many errors", "RCPT", "connection"),
        ("421 4.3.2 Connection rate limit exceeded", "GREETING", "connection"),
        ("450 4.7.1 Error: too many recipients from 192.0.2.1", "RCPT", "quota"),
        ("451 rate overlimit", "RCPT", "quota"),
        ("530 Must issue a STARTTLS command first", "MAIL", "sender"),
        ("550 Unrouteable address", "RCPT", "gone"),
        ("450 4.3.2 Service currently unavailable", "RCPT", "later"),
        ("421 4.7.28 Our system has detected an unusual rate of mail", "CONTENT", "quota"),
        ("450 4.2.1 The user you are trying to contact is receiving mail too quickly.", "RCPT", "quota"),
        ("452 4.5.3 Too many recipients", "RCPT", "quota"),
        ("550 5.7.1 <a@example.org>: Recipient address rejected: user unknown", "RCPT", "gone"),
        ("550 5.7.1 mailbox unavailable", "RCPT", "recipient"),
        ("554 5.7.1 user unknown", "RCPT", "gone"),
        ("550 5.1.1 <a@example.org>: client host blocked", "RCPT", "sender"),
        ("550 5.4.1 Recipient address rejected: Access denied", "RCPT", "recipient"),
    ],
)  # fmt: skip
def test_the_answers_that_burnt_lists(text, command, wanted):
    assert said(text, command) == wanted


def test_recorded_answers_are_classed_right():
    recorded = [(a, group) for group in RECORDED for a in group["answers"]]
    wrong = {
        answer: said(answer, group.get("command", "RCPT"))
        for answer, group in recorded
        if said(answer, group.get("command", "RCPT")) not in group["class"]
    }
    assert len(recorded) >= 400
    assert len(wrong) <= len(recorded) * 0.05, wrong


def test_no_recorded_answer_about_us_uses_a_recipient_up():
    burnt = [
        (answer, command)
        for group in RECORDED
        if not BURNS & set(group["class"])
        for answer in group["answers"]
        for command in COMMANDS
        if said(answer, command) in BURNS
    ]
    assert burnt == []


@pytest.mark.parametrize("answer", KNOWN.answers, ids=lambda answer: answer.example[:40])
def test_every_known_answer_is_found_by_its_own_entry(answer):
    code = answer.example[:3]  # none in our own words
    assert classify(int(code) if code.isdigit() else 0, answer.example).explanation == answer.means


@pytest.mark.parametrize("answer", KNOWN.words, ids=lambda answer: answer.example[:40])
def test_every_word_tells_where_no_code_does(answer):
    assert classify(int(answer.example[:3]), answer.example).explanation == answer.means


class TestCodes:
    @pytest.mark.parametrize(
        ("code", "wanted"),
        [
            ("5.1.1", "gone"), ("5.1.2", "gone"), ("5.1.3", "gone"), ("5.1.6", "gone"), ("5.1.10", "gone"),
            ("5.2.1", "gone"), ("5.7.17", "gone"), ("5.7.18", "gone"),
            ("5.1.4", "recipient"), ("5.2.2", "recipient"), ("5.2.4", "recipient"), ("5.4.6", "recipient"),
            ("5.4.7", "recipient"), ("5.6.7", "recipient"), ("5.7.2", "sender"), ("5.2.0", "sender"),
            ("5.4.1", "sender"),
            ("5.1.7", "sender"), ("5.1.8", "sender"), ("5.7.1", "sender"), ("5.7.8", "sender"),
            ("5.7.25", "sender"), ("5.7.26", "sender"), ("5.7.999", "sender"),
            ("5.2.3", "content"), ("5.3.4", "content"), ("5.6.0", "content"), ("5.6.9", "content"),
            ("5.3.0", "sender"), ("5.3.1", "server"), ("5.3.2", "server"), ("5.5.2", "server"),
            ("5.4.5", "quota"), ("5.5.3", "quota"), ("5.7.28", "quota"),
            ("4.1.1", "later"), ("4.2.2", "later"), ("4.4.7", "later"), ("4.7.1", "later"),
            ("4.2.1", "quota"), ("4.7.28", "quota"), ("4.5.3", "quota"),
            ("4.1.8", "sender"), ("4.3.1", "server"), ("4.3.2", "server"), ("4.4.2", "connection"),
        ],
    )  # fmt: skip
    def test_an_enhanced_code_alone(self, code, wanted):
        assert said(f"{code[0]}50 {code} xyz") == wanted

    @pytest.mark.parametrize(
        ("code", "command", "wanted"),
        [
            (421, "GREETING", "server"), (421, "RCPT", "connection"),
            (450, "RCPT", "later"), (451, "RCPT", "later"), (451, "MAIL", "server"),
            (451, "CONTENT", "later"),
            (452, "RCPT", "server"), (500, "MAIL", "server"), (502, "CONTENT", "server"),
            (521, "GREETING", "server"), (530, "MAIL", "sender"), (535, "AUTH", "sender"),
            (454, "AUTH", "server"),
            (550, "RCPT", "sender"), (550, "MAIL", "sender"), (550, "CONTENT", "content"),
            (552, "MAIL", "content"), (552, "CONTENT", "content"), (552, "RCPT", "recipient"),
            (554, "GREETING", "sender"), (556, "RCPT", "gone"), (354, "RCPT", "server"),
            (0, "", "connection"), (999, "RCPT", "server"), (-1, "", "server"),
        ],
    )  # fmt: skip
    def test_a_reply_code_alone(self, code, command, wanted):
        """What says nothing of the recipient is not held against them."""
        assert classify(code, "", command=command).refusal_class.value == wanted

    def test_the_reply_code_decides_whether_it_is_for_good(self):
        refusal = classify(450, "450 5.1.1 User unknown", command="RCPT")
        assert refusal[:3] == (RefusalClass.RECIPIENT_LATER, False, False)
        refusal = classify(550, "550 4.1.1 User unknown", command="RCPT")
        assert refusal[:3] == (RefusalClass.GONE, True, True)
        assert said("550 4.7.1 Something") == "sender"

    def test_only_an_address_that_does_not_exist_is_suppressed(self):
        assert classify(550, "5.1.1 User unknown", command="RCPT").suppress
        assert not classify(552, "5.2.2 Mailbox full", command="RCPT").suppress
        assert not classify(550, "5.7.1 Denied", command="RCPT").suppress

    def test_codes_are_found_where_servers_put_them(self):
        assert said("550 sorry (#5.2.2)") == "recipient"
        assert said("550 #5.2.2 sorry") == "recipient"
        assert classify(550, "5.2.2 sorry", command="RCPT") == classify(
            550, "550 5.2.2 sorry", command="RCPT"
        )
        assert said("550 5.2.2.7 is our version") == "sender"

    def test_at_mail_an_unknown_user_is_us(self):
        assert said("550 5.1.1 User unknown", "MAIL") == "sender"
        assert said("550 5.1.1 User unknown", "EHLO") == "sender"

    def test_an_address_is_not_read_as_words(self):
        assert said("550 5.1.1 <spamhaus.blocked@quota-daily-limit.org>: no") == "gone"
        assert said("550 relay.denied@example.org does not exist") == "gone"


class TestWaits:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("450 4.7.1 Greylisted, try again in 300 seconds", 300),
            ("450 4.7.1 Greylisted for 5 minutes", 300),
            ("451 4.7.1 Greylisting in action, please come back in 00:04:59", 299),
            ("451 try again in 5 min", 300),
            ("451 please retry after 90s", 90),
            ("451 try again in an hour", 3600),
            ("451 Попробуйте через 10 минут", 600),
            ("450 4.7.1 greylisting, 42 seconds left", 42),
            ("451 try again in 100 days", 86400),
            ("451 try again in 0 seconds", 1),
            ("452 4.3.1 daily sending quota reached", 4 * 3600),
            ("550 5.4.5 Daily user sending limit exceeded", 4 * 3600),
            ("450 hourly limit exceeded", 3600),
            ("450 4.7.1 You exceeded the limit of 500 messages in 24 hours, try again in 2 hours", 7200),
            ("450 4.2.0 Greylisted", None),
            ("450 mail 1234 seconds old", None),
            ("550 5.1.1 User unknown, try again in 5 minutes", None),
        ],
    )
    def test_a_duration_is_read(self, text, seconds):
        assert classify(int(text[:3]), text, command="RCPT").retry_after == seconds

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("until 14:00 UTC", 7200),
            ("blocked until 2026-11-27 12:30:00 UTC", 1800),
            ("blocked until 2026-11-27T14:30:00+02:00", 1800),
            ("until 11:00 GMT", 23 * 3600),
            ("until 2020-01-01 00:00", 1),
            ("until 2027-01-01 00:00", 86400),
            ("until 2026-13-41 00:00", None),
            ("until 14:00", None),
            ("until 25:00 UTC", None),
        ],
    )
    def test_a_time_of_day_is_read(self, text, seconds):
        assert wait_until(text, now=datetime(2026, 11, 27, 12, 0, tzinfo=UTC)) == seconds

    def test_a_time_of_day_is_counted_from_now_each_time(self, time_machine):
        text = "450 4.7.1 too many messages, blocked until 14:00 UTC"
        time_machine.move_to(datetime(2026, 11, 27, 12, 0, tzinfo=UTC), tick=False)
        assert classify(450, text, command="RCPT").retry_after == 7200
        time_machine.move_to(datetime(2026, 11, 27, 13, 0, tzinfo=UTC), tick=False)
        assert classify(450, text, command="RCPT").retry_after == 3600


class TestAnything:
    @settings(max_examples=400)
    @given(
        code=st.one_of(st.integers(-10, 700), st.integers(400, 599)),
        text=st.one_of(
            st.text(max_size=300),
            st.builds(
                "{} {}.{}.{} {}".format,
                st.integers(400, 599), st.integers(2, 5), st.integers(0, 9), st.integers(0, 99),
                st.sampled_from([*(answer.example for answer in KNOWN.answers), "", "\x00", "\ufffd" * 50]),
            ),
        ),
        command=st.sampled_from(COMMANDS),
    )  # fmt: skip
    def test_no_answer_is_too_odd(self, code, text, command):
        refusal = classify(code, text, command=command)
        kind = refusal.refusal_class
        if kind in (RefusalClass.GONE, RefusalClass.RECIPIENT):
            assert refusal.permanent
            assert command not in ("GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RSET")
        if refusal.permanent:
            assert 500 <= code <= 599
        elif 500 <= code <= 599:
            assert kind is RefusalClass.RECIPIENT_LATER
        assert refusal.suppress == (kind is RefusalClass.GONE)
        assert refusal.retry_after is None or 1 <= refusal.retry_after <= 86400
        assert all(all(explain(refusal, language)) for language in ("en", "ru"))

    @pytest.mark.parametrize(
        "piece",
        [
            "a",
            "<",
            "@",
            "user ",
            "too many ",
            "1:",
            "until 1",
            "again 1 ",
            "<a",
            "sender ",
            "24 hour ",
            "\u00e9",
        ],
    )
    def test_time_grows_with_the_length_and_no_faster(self, piece):
        def seconds(length: int) -> float:
            return min(measured("550 " + piece * (length // len(piece)) + str(n)) for n in range(5))

        def measured(text: str) -> float:
            start = time.process_time()  # whatever else the machine does
            words = refusals._normal(text)[1]
            refusals._means(550, "", words, "RCPT")
            return time.process_time() - start

        assert seconds(16_000) < 40 * seconds(2_000) + 0.05

    def test_what_was_said_before_costs_little(self):
        refusals._judge.cache_clear()
        texts = [
            f"550 5.1.1 <user{n}@example.org>: Recipient address rejected: User unknown" for n in range(500)
        ]
        for text in texts:
            classify(550, text, command="RCPT")
        assert refusals._judge.cache_info()[:2] == (499, 1)


class TestExplanations:
    def test_a_sentence_and_a_remedy_in_both_languages(self):
        refusal = classify(
            550, "5.7.515 Access denied, does not meet the required authentication level", command="RCPT"
        )
        assert explain(refusal, "en").sentence == (
            "The server does not believe that the mail comes from our domain (SPF, DKIM, DMARC)."
        )
        assert "SPF" in explain(refusal, "ru").remedy
        assert (
            explain(refusal, "ru-ru")
            == explain(refusal, "ru")
            != explain(refusal, "de")
            == explain(refusal, "en")
        )

    @pytest.mark.parametrize("name", KNOWN.classes)
    def test_each_is_a_sentence_in_its_own_language(self, name):
        english, russian = KNOWN.texts[name, "en"], KNOWN.texts[name, "ru"]
        for text in (*english, *russian):
            assert re.search(r'[.»"]$', text)
        assert all(text.isascii() for text in english)
        assert all(re.search("[а-я]", text) for text in russian)

    def test_what_must_be_tried_again_says_so(self):
        for name, kind in KNOWN.classes.items():
            held = kind in (RefusalClass.CONTENT, RefusalClass.SENDER)
            assert ("Try again" in KNOWN.texts[name, "en"].remedy) == held
            assert ("Попробовать снова" in KNOWN.texts[name, "ru"].remedy) == held

    def test_every_explanation_is_used(self):
        codes = {*refusals._ENHANCED.values(), *refusals._SUBJECT.values(), *refusals._REPLY.values()}
        known = {answer.means for answer in (*KNOWN.answers, *KNOWN.words)}
        otherwise = {"unreachable", "closed", "server-full", "not-understood", "try-later", "tls-needed"}
        assert set(KNOWN.classes) == codes | known | otherwise
