"""No reply that a server leaves out, says twice or swaps makes an unsent mail "sent"."""

import re
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.transport.acceptance import AcceptanceFilter
from mailer.transport.base import Verdict
from mailer.transport.features import Features
from mailer.transport.session import Interrupted, SmtpSession
from testing.notes import Note

pytestmark = pytest.mark.once

WORDS = {
    "postfix": {
        "MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "RSET": "250 2.0.0 Ok", "DATA": "354 End data",
        "DOT": "250 2.0.0 Ok: queued as {id}", "BDAT": "250 2.0.0 Ok: {size} bytes queued as {id}",
    },
    "exim": {
        "MAIL": "250 OK", "RCPT": "250 Accepted", "RSET": "250 Reset OK", "DATA": "354 Enter message",
        "DOT": "250 OK id={id}", "BDAT": "250- {size} byte chunk, total {size}\r\n250 OK id={id}",
    },
    "sendmail": {
        "MAIL": "250 2.1.0 <us@example.com>... Sender ok", "RCPT": "250 2.1.5 <{to}>... Recipient ok",
        "RSET": "250 2.0.0 Reset state", "DATA": '354 Enter mail, end with "." on a line by itself',
        "DOT": "250 2.0.0 {id} Message accepted for delivery", "BDAT": "250 2.0.0 {id} Message accepted",
    },
    "gmail": {
        "MAIL": "250 2.1.0 OK {id} - gsmtp", "RCPT": "250 2.1.5 OK {id} - gsmtp",
        "RSET": "250 2.1.5 Flushed {id} - gsmtp", "DATA": "354 Go ahead {id} - gsmtp",
        "DOT": "250 2.0.0 OK  {time} {id} - gsmtp", "BDAT": "250 2.0.0 OK  {time} {id} - gsmtp",
    },
    "opensmtpd": {
        "MAIL": "250 2.0.0 Ok", "RCPT": "250 2.1.5 Destination address valid: Recipient ok",
        "RSET": "250 2.0.0 Reset state", "DATA": '354 Enter mail, end with "." on a line by itself',
        "DOT": "250 2.0.0 {id} Message accepted for delivery", "BDAT": "250 2.0.0 {id} Message accepted",
    },
    "exchange": {
        "MAIL": "250 2.1.0 Sender OK", "RCPT": "250 2.1.5 Recipient OK", "RSET": "250 2.0.0 Resetting",
        "DATA": "354 Start mail input; end with <CRLF>.<CRLF>",
        "DOT": "250 2.6.0 <{id}@x.test> [InternalId={time}] Queued mail for delivery",
        "BDAT": "250 2.6.0 <{id}@x.test> [InternalId={time}] {size} bytes in 0.1 Queued mail for delivery",
    },
    "qmail": {
        "MAIL": "250 ok", "RCPT": "250 ok", "RSET": "250 flushed", "DATA": "354 go ahead",
        "DOT": "250 ok {time} qp {size}", "BDAT": "250 ok {time} qp {size}",
    },
    "haraka": {
        "MAIL": "250 sender us@example.com OK", "RCPT": "250 recipient {to} OK", "RSET": "250 OK",
        "DATA": "354 go ahead, make my day", "DOT": "250 Message Queued ({id})",
        "BDAT": "250 Message Queued ({id})",
    },
    "short ids": {
        "MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "RSET": "250 2.0.0 Ok", "DATA": "354 Go",
        "DOT": "250 2.0.0 Ok: queued as {short}", "BDAT": "250 2.0.0 Ok: queued as {short}",
    },
    "one word": dict.fromkeys(("MAIL", "RCPT", "RSET", "DOT", "BDAT"), "250 OK") | {"DATA": "354 Go"},
    "the acceptance to all": dict.fromkeys(("MAIL", "RCPT", "RSET", "DOT", "BDAT"), "250 OK id={id}")
    | {"DATA": "354 Go"},
}  # fmt: skip


class ModelServer:
    """Answers what it is told, and knows what it took; refuses some recipients and some contents."""

    def __init__(self, words, *, no_recipient, no_content):
        self.words, self.no_recipient, self.no_content = words, no_recipient, no_content
        self.replies, self.taken = [], set()
        self.sender, self.to = False, []
        self.buffer, self.in_data = b"", False

    def say(self, kind, size=0):
        number = len(self.replies)
        self.replies.append(
            self.words[kind].format(
                id=f"4FbX{number:04X}Qk",
                short=f"{number:X}",
                size=size,
                time=1700000000 + number,
                to=(self.to or ["x"])[-1],
            )
        )

    def feed(self, data):
        self.buffer += data
        while self._step():
            pass

    def _step(self):
        if self.in_data:
            end = (b"\r\n" + self.buffer).find(b"\r\n.\r\n")
            if end < 0:
                return False
            self.buffer, self.in_data = self.buffer[end + 3 :], False
            self._end("DOT")
            return True
        line, found, rest = self.buffer.partition(b"\r\n")
        if not found:
            return False
        if line.startswith(b"BDAT"):
            size = int(line.split()[1])
            if len(rest) < size:
                return False
            self.buffer = rest[size:]
            self._end("BDAT", size)
            return True
        self.buffer = rest
        self._obey(line)
        return True

    def _obey(self, line):
        verb = line[:4].decode()
        if verb == "RSET":
            self.sender, self.to = False, []
        elif verb == "MAIL":
            if self.sender:
                self.replies.append("503 5.5.1 nested MAIL command")
                return
            self.sender, self.to = True, []
        elif verb == "RCPT":
            to = re.search(rb"<(.*)>", line)[1].decode()
            if not self.sender or to in self.no_recipient:
                self.replies.append("550 5.1.1 No such user" if self.sender else "503 5.5.1 Need MAIL")
                return
            self.to.append(to)
        elif verb == "DATA":
            if not self.to:
                self.replies.append("554 5.5.1 No valid recipients")
                return
            self.in_data = True
        self.say(verb)

    def _end(self, kind, size=0):
        to, self.to, self.sender = self.to, [], False
        if not to:
            self.sender = True  # as some do: the transaction stays open until RSET
            self.replies.append("503 5.5.1 No valid recipients")
        elif set(to) & self.no_content:
            self.replies.append("554 5.6.0 Refused")
        else:
            self.taken.update(to)
            self.say(kind, size)


class Changeable(ModelServer):
    """From its fourth reply to `kind` on it answers that as it answers an accepted mail."""

    kind, left = "", 3

    def say(self, kind, size=0):
        if kind == self.kind:
            self.left -= 1
            kind = kind if self.left >= 0 else "DOT"
        super().say(kind, size)


def talk(server, mails, features, fault, at):
    """Send all over one connection; the reply number `at` is left out, doubled or swapped with the next."""
    session = SmtpSession(sender="us@example.com", features=features, pipeline_depth=6)
    results, used, waiting = {}, 0, list(mails)
    try:
        while True:
            while waiting and session.can_accept:
                assert session.begin(Note(waiting.pop(0))) is None
            server.feed(bytes(session.out))
            session.written(len(session.out))
            said = _disturbed(server.replies, used, fault, at)
            if not said:
                break  # the server says no more: what is still under way runs into its time limit
            used += said[0]
            for reply in said[1]:
                results |= _received(session, reply)
    except Interrupted as error:
        results |= {mail.to: said for mail, said in error.results}
    results |= {mail.to: said for mail, said in session.abandon("over")}
    return results


def _received(session, reply):
    return {mail.to: said for mail, said in session.receive(reply.encode() + b"\r\n")}


FAULTS = ("left out", "doubled", "swapped", "two later")
_REACH = {"swapped": 1, "two later": 2}  # how many others come before it


def _disturbed(replies, used, fault, at):
    """How many of the replies that is, and what of them arrives."""
    if used >= len(replies):
        return None
    if used != at or fault == "none":
        return 1, replies[used : used + 1]
    if fault == "left out":
        return 1, []
    if fault == "doubled":
        return 1, replies[used : used + 1] * 2
    number = _REACH[fault] + 1
    if used + number > len(replies):
        return None
    return number, [*replies[used + 1 : used + number], replies[used]]


MAILS = [f"{name}@example.org" for name in "abcdefghij"]
OFFERS = [(), ("pipelining",), ("pipelining", "chunking")]
# Whom it refuses, and whose content.
REFUSALS = [
    ((), ()),
    (MAILS[1:5:3], MAILS[6:7]),
    (MAILS[::2], ()),
    ((), MAILS[1::2]),
    (MAILS[1::2], MAILS[::4]),
]


def _sent(words, offers, fault, at, refused):
    """What is said to be sent, what the server has, what is unknown, and how much it has said."""
    server = ModelServer(words, no_recipient=set(refused[0]), no_content=set(refused[1]))
    features = Features(pipelining="pipelining" in offers, chunking="chunking" in offers)
    results = talk(server, MAILS, features, fault, at)
    sent = {to for to, said in results.items() if getattr(said, "verdict", None) is Verdict.ACCEPTED}
    unknown = {to for to, said in results.items() if getattr(said, "unknown", False)}
    return sent, server.taken, unknown, len(server.replies)


@pytest.mark.parametrize("offers", OFFERS, ids="+".join)
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_no_reply_at_any_place_makes_a_mail_sent_that_was_not_taken(words, offers):
    """Each fault at each reply of a connection of ten mails, with each of the refusals."""
    for refused in REFUSALS:
        *_, said = _sent(words, offers, "none", 0, refused)
        for fault, at in product(FAULTS, range(said)):
            sent, taken, *_ = _sent(words, offers, fault, at, refused)
            assert sent <= taken, (refused, fault, at)


@pytest.mark.parametrize("offers", OFFERS, ids="+".join)
@pytest.mark.parametrize("kind", ["MAIL", "RCPT", "RSET"])
def test_a_server_that_begins_to_answer_other_commands_like_an_acceptance(kind, offers):
    """From its fourth such reply on; each fault at each reply."""
    words = WORDS["postfix"]

    def talk_to(fault, at):
        server = Changeable(words, no_recipient={MAILS[2], MAILS[8]}, no_content={MAILS[6]})
        server.kind = kind
        features = Features(pipelining="pipelining" in offers, chunking="chunking" in offers)
        results = talk(server, MAILS, features, fault, at)
        sent = {to for to, said in results.items() if getattr(said, "verdict", None) is Verdict.ACCEPTED}
        return sent, server

    sent, server = talk_to("none", 0)
    assert sent <= server.taken
    for fault, at in product(FAULTS, range(len(server.replies))):
        sent, server = talk_to(fault, at)
        assert sent <= server.taken, (fault, at)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@settings(max_examples=150, deadline=None)
@example(
    offers=("pipelining", "chunking"),
    fault="doubled",
    at=4,
    no_recipient=set(),
    no_content={"b@example.org"},
)
@given(
    offers=st.sampled_from(OFFERS),
    fault=st.sampled_from([*FAULTS, "none"]),
    at=st.integers(0, 45),
    no_recipient=st.sets(st.sampled_from(MAILS), max_size=3),
    no_content=st.sets(st.sampled_from(MAILS), max_size=3),
)
def test_what_was_not_taken_is_never_said_to_be_sent(words, offers, fault, at, no_recipient, no_content):
    sent, taken, unknown, _ = _sent(words, offers, fault, at, (no_recipient, no_content))
    assert sent <= taken
    if fault == "none":
        assert sent == taken == set(MAILS) - no_recipient - no_content
        assert not unknown


@pytest.mark.parametrize(
    "name", [name for name in WORDS if name not in ("one word", "the acceptance to all")]
)
def test_the_acceptance_of_a_real_server_is_told_from_its_other_replies(name):
    words = WORDS[name]
    seen = AcceptanceFilter()
    for kind in ("MAIL", "RCPT"):
        seen.note_envelope(_text(words[kind], 1))
    assert seen.learn(_text(words["DOT"], 2))
    assert seen.accepts(_text(words["DOT"], 999))
    for kind in ("MAIL", "RCPT", "RSET"):
        assert not seen.accepts(_text(words[kind], 7)), "also one that was never seen before"


@pytest.mark.parametrize("ids", [("D", "E", "F"), ("D", "1A", "F"), ("ab", "cd", "xy")])
def test_an_id_that_looks_like_a_word_is_known_by_the_second_acceptance(ids):
    seen = AcceptanceFilter()
    seen.note_envelope(b"2.0.0 Ok")
    acceptances = [f"2.0.0 Ok: queued as {word}".encode() for word in ids]
    assert seen.learn(acceptances[0])
    assert not seen.certain
    assert seen.learn(acceptances[1])
    assert seen.certain
    assert seen.accepts(acceptances[2])
    assert not seen.accepts(b"2.0.0 Ok")


def test_an_acceptance_without_an_id_is_known_when_it_comes_again():
    seen = AcceptanceFilter()
    seen.note_envelope(b"2.1.0 Ok")
    assert seen.learn(b"2.0.0 Taken")
    assert not seen.certain
    assert seen.learn(b"2.0.0 Taken")
    assert seen.certain


def test_a_server_that_says_the_same_to_all_is_not_written_ahead_to():
    seen = AcceptanceFilter()
    seen.note_envelope(b"OK id=1")
    assert not seen.learn(b"OK id=2")


def _text(reply, number):
    to = f"u{number}@example.org"
    filled = reply.format(id=f"4F{number:05}", short=number, size=number, time=number, to=to)
    return " ".join(line[4:] for line in filled.split("\r\n")).encode()
