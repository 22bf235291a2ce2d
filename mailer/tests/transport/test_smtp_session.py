"""The SMTP session by itself: the results are the same however the replies are split."""

import pytest

from mailer.transport.base import Result, Verdict
from mailer.transport.features import Features
from mailer.transport.session import Interrupted, SmtpSession
from testing.notes import Note

pytestmark = pytest.mark.once

USUAL = b"250 2.0.0 Ok: queued as 4F3A\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n"
ANSWERS = {
    "the usual": USUAL,
    "words with gaps": USUAL.replace(b"queued as", b"queued \t  as"),
    "no words": USUAL.replace(b"250 2.0.0 Ok: queued as 4F3A", b"250"),
    "several lines": USUAL.replace(b"250 2.1.0", b"250-2.1.0 So\r\n250 2.1.0"),
    "put off": USUAL.replace(b"250 2.0.0 Ok", b"451 4.3.0 Later"),
    "the next refused": USUAL.replace(b"250 2.1.5 Ok\r\n354 Go on", b"550 5.1.1 No\r\n554 5.5.1 No"),
    "no data": USUAL.replace(b"354 Go on", b"451 4.3.0 Not now"),
    "an answer too many": USUAL + b"250 2.0.0 And?\r\n",
    "closing": USUAL.replace(b"250 2.1.0 Ok", b"421 4.3.2 Bye"),
    "bare line ends": USUAL.replace(b"\r\n", b"\n"),
    "letters beyond ASCII": USUAL.replace(b"queued", "принято".encode()),
}

_READY = b"250 2.0.0 Flushed\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"
_TAKEN = b"250 2.0.0 Ok: queued as %d\r\n"
_ALL = _TAKEN % 1 + _READY + _TAKEN % 2 + _READY + _TAKEN % 3
AHEAD = {
    "all taken": _ALL,
    "one taken": _TAKEN % 1,
    "one put off": _ALL.replace(_TAKEN % 2, b"451 4.3.0 Later\r\n"),
    "one refused": _ALL.replace(
        _READY + _TAKEN % 2, _READY.replace(b"250 2.1.5 Ok", b"550 5.1.1 No") + b"503 5.5.1 No recipient\r\n"
    ),
    "refused and yet taken": _ALL.replace(
        _READY + _TAKEN % 2, _READY.replace(b"250 2.1.5 Ok", b"550 5.1.1 No") + _TAKEN % 2
    ),
    **{
        f"{size} octets": _ALL.replace(_TAKEN % 2, b"250 2.0.0 Ok: queued as ".ljust(size, b"x") + b"\r\n")
        for size in (399, 400, 401, 404, 405)
    },
    "several lines": _ALL.replace(_TAKEN % 2, b"250-2.0.0 So\r\n" + _TAKEN % 2),
    "words with gaps": _ALL.replace(b"queued as 2", b"queued \t  as 2"),
    "no words": _ALL.replace(b"250 2.0.0 Ok: queued as 2", b"250"),
    "many words": _ALL.replace(b"queued as 2", b"queued " + b"x" * 500),
    "no reset": _ALL.replace(_TAKEN % 1 + b"250 2.0.0 Flushed", _TAKEN % 1 + b"502 5.5.1 What?"),
    "an answer too many": _ALL + b"250 2.0.0 And?\r\n",
    "closing": _ALL.replace(_TAKEN % 3, b"421 4.3.2 Bye\r\n"),
    "nonsense": _ALL.replace(_TAKEN % 2, b"Hello\r\n"),
    "bare line ends": _ALL.replace(b"\r\n", b"\n"),
    "letters beyond ASCII": _ALL.replace(b"queued", "принято".encode()),
}


def receive(pieces, *, known=None):
    """What comes of it when two mails are under way, and the first one's end and the second one are said."""
    session = SmtpSession(
        sender="us@example.com", features=Features(pipelining=True, eight_bit=True), pipeline_depth=2
    )
    first, second = Note("a@example.org"), Note("b@example.org", "Subject: y\r\n\r\n..\r\n.\r\n")
    get_to_know(session)
    assert session.begin(first) is None
    assert session.receive(b"250 2.1.0 Ok\r\n" + (known or b"250 2.1.5 Ok\r\n") + b"354 Go\r\n") == []
    assert session.begin(second) is None
    return feed(session, pieces)


def get_to_know(session, *, chunks=False):
    """A first mail goes through, and so the server's words are known."""
    for _ in range(2 if chunks else 1):
        assert session.begin(Note("x@example.org")) is None
        assert not session.can_accept
        assert session.receive(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n") == []
        if not session._in_flight[0].by_chunk:
            assert session.receive(b"354 Go\r\n") == []
        assert len(session.receive(b"250 2.0.0 Ok: queued as 0F\r\n")) == 1
    session.written(len(session.out))
    assert session.can_accept


def receive_ahead(pieces, *, part=1):
    """What comes of it when three mails are written ahead, and the first is heard of up to its end."""
    features = Features(pipelining=True, eight_bit=True, chunking=True)
    session = SmtpSession(sender="us@example.com", features=features, pipeline_depth=3)
    get_to_know(session, chunks=True)
    for name in "abc":
        assert session.can_accept
        assert session.begin(Note(f"{name}@example.org")) is None
    assert session.receive(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n") == []
    return feed(session, pieces, part=part)


def feed(session, pieces, *, part=1):
    """`part`: what is written by then is one in so many octets."""
    session.written(len(session.out) // part)
    outcomes, broken = [], ""
    try:
        for piece in pieces:
            outcomes += session.receive(piece)
    except Interrupted as error:
        outcomes += error.results
        broken = str(error)
    rest = [(mail.to, repr(said), getattr(said, "__dict__", None)) for mail, said in session.abandon("over")]
    outcomes = [(mail.to, answer) for mail, answer in outcomes]
    return {
        "outcomes": outcomes, "broken": broken, "out": bytes(session.out), "answered": session.answered,
        "replies_read": session.replies_read, "distrusted": session.distrusted, "rest": rest,
    }  # fmt: skip


@pytest.mark.parametrize("known", [None, b"550 5.1.1 No such user\r\n"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_replies_in_one_breath_mean_the_same_as_octet_by_octet(answer, known):
    octets = [answer[n : n + 1] for n in range(len(answer))]
    assert receive([answer], known=known) == receive(octets, known=known)


@pytest.mark.parametrize("answer", AHEAD.values(), ids=AHEAD)
def test_replies_to_what_was_written_ahead_mean_the_same_however_they_are_cut(answer):
    octets = receive_ahead([answer[n : n + 1] for n in range(len(answer))])
    assert receive_ahead([answer]) == octets
    for cut in range(1, len(answer)):
        assert receive_ahead([answer[:cut], answer[cut:]]) == octets


@pytest.mark.parametrize("answer", AHEAD.values(), ids=AHEAD)
def test_a_connection_lost_after_any_reply_means_the_same_however_they_are_cut(answer):
    lines = answer.splitlines(keepends=True)
    for number in range(len(lines)):
        said = b"".join(lines[:number])
        octets = [said[n : n + 1] for n in range(len(said))]
        assert receive_ahead([said]) == receive_ahead(octets)
        assert receive_ahead([said], part=3) == receive_ahead(octets, part=3)


def test_each_mail_that_was_written_ahead_has_its_own_answer():
    found = receive_ahead([AHEAD["all taken"]])
    assert found["outcomes"] == [
        ("a@example.org", Result(Verdict.ACCEPTED, "250 2.0.0 Ok: queued as 1")),
        ("b@example.org", Result(Verdict.ACCEPTED, "250 2.0.0 Ok: queued as 2")),
        ("c@example.org", Result(Verdict.ACCEPTED, "250 2.0.0 Ok: queued as 3")),
    ]
    assert (
        found["answered"],
        found["replies_read"],
        found["broken"],
        found["rest"],
    ) == (5, 18, "", [])
    refused = receive_ahead([AHEAD["one refused"]])
    assert [(to[0], answer.verdict) for to, answer in refused["outcomes"]] == [
        ("a", Verdict.ACCEPTED), ("b", Verdict.NEVER), ("c", Verdict.ACCEPTED),
    ]  # fmt: skip


def test_the_usual_answer_ends_one_mail_and_begins_the_next():
    found = receive([USUAL])
    assert found["outcomes"] == [("a@example.org", Result(Verdict.ACCEPTED, "250 2.0.0 Ok: queued as 4F3A"))]
    assert found["out"] == b"Subject: y\r\n\r\n...\r\n..\r\n.\r\n"
    assert (found["answered"], found["replies_read"], found["broken"]) == (2, 11, "")


def test_a_refusal_ends_writing_ahead_and_acceptances_begin_it_again():
    features = Features(pipelining=True, eight_bit=True, chunking=True)
    session = SmtpSession(sender="us@example.com", features=features, pipeline_depth=6)
    get_to_know(session, chunks=True)
    assert _written_ahead(session) == 4
    taken = _TAKEN % 1 + _READY + _TAKEN % 2 + _READY + _TAKEN % 3 + _READY
    assert len(session.receive(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n" + taken + b"550 5.7.1 No\r\n")) == 4
    for ahead in (1, 4, 6):
        assert _written_ahead(session) == ahead
        replies = b"250 2.0.0 Flushed\r\n" if ahead == 1 else b""
        replies += b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n" + _TAKEN % 1 + (_READY + _TAKEN % 2) * (ahead - 1)
        assert [said.verdict for _, said in session.receive(replies)] == [Verdict.ACCEPTED] * ahead


def _written_ahead(session):
    """Begin as many mails as the session takes, and return how many."""
    number = 0
    while session.can_accept:
        assert session.begin(Note(f"{number}@example.org")) is None
        session.written(len(session.out))
        number += 1
    return number
