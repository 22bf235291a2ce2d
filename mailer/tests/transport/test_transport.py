"""Our SMTP client against servers that follow the RFCs, or not: what was said, and what came of it."""

import re
from time import monotonic

import pytest

from mailer.transport import Result, ServerAway, Verdict, deliver
from mailer.transport.pool import SmtpTransport
from mailer.transport.refusals import RefusalClass
from testing.notes import BODY, Note, accepted, names, send
from testing.rough_server import CHUNKS, PLAIN, Cut, at

pytestmark = pytest.mark.once


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("offers", [(), ("8BITMIME",), PLAIN, CHUNKS, ("CHUNKING",)])
def test_every_mail_arrives_once_and_whole_whatever_the_server_offers(serve, settings, offers, connections):
    server = serve(offers=offers)
    settings.MAIL_CONNECTIONS = connections
    outcomes, error = send(names(50))
    assert error is None
    assert accepted(outcomes) == sorted(server.recipients) == sorted(names(50))
    eight_bit = "8BITMIME" in offers
    assert {mail.content for mail in server.taken} == {
        BODY.encode() if eight_bit else b"Subject: x\r\n\r\n.dot\r\n"
    }
    assert {mail.options for mail in server.taken} == {"BODY=8BITMIME" if eight_bit else ""}
    assert 1 <= len(server.sessions) <= connections


def test_with_pipelining_the_next_mail_begins_behind_the_final_dot(serve):
    server = serve()
    send(names(5))
    [session] = server.sessions
    assert (
        b"MAIL FROM:<us@example.com> BODY=8BITMIME\r\nRCPT TO:<0@example.org>\r\nDATA\r\n" in session.bursts
    )
    behind = [burst for burst in session.bursts if b"\r\n.\r\nMAIL FROM" in burst]
    assert len(behind) >= 3


def test_without_pipelining_every_command_waits_for_its_reply(serve):
    server = serve(offers=())
    send(names(3))
    for burst in server.sessions[0].bursts:
        commands = re.findall(rb"^(?:MAIL|RCPT|DATA|RSET|QUIT)\b", burst, re.MULTILINE)
        assert len(commands) <= 1


def test_with_chunking_mails_are_written_ahead_but_not_beyond_the_window(serve, settings):
    settings.MAIL_WINDOW = 20
    most = []
    server = serve(offers=CHUNKS)
    transport = SmtpTransport()
    transport.put([Note(address) for address in names(100)])
    while transport.waiting or transport.busy:
        transport.poll(0.2)
        most.append(transport.busy)
    transport.close()
    assert 2 < max(most) <= 20
    assert server.recipients == names(100)
    assert [line for line in server.sessions[0].said if line == "DATA"] == ["DATA"], "only the first one"


def test_what_is_written_ahead_never_falls_into_a_refused_transaction(serve):
    """The third is refused; those written behind it must not be sent to it, nor it get theirs."""
    server = serve(offers=CHUNKS, answer=at("RCPT", "550 5.1.1 No such user", to="3@"))
    outcomes, error = send(names(8))
    assert error is None
    assert sorted(server.recipients) == sorted(set(names(8)) - {"3@example.org"})
    assert outcomes["3@example.org"].text == "550 5.1.1 No such user"
    assert not any("nested" in line.lower() for line in server.sessions[0].said)


@pytest.mark.parametrize("offers", [(), PLAIN, CHUNKS])
@pytest.mark.parametrize("verb", ["RCPT", "DOT"])
def test_a_refusal_is_matched_to_its_own_mail(serve, offers, verb):
    server = serve(offers=offers, answer=at(verb, "452-4.2.2 Mailbox\r\n452 4.2.2 full", to="2@"))
    outcomes, error = send(names(6))
    assert error is None
    assert accepted(outcomes) == sorted(set(names(6)) - {"2@example.org"}) == sorted(server.recipients)
    refused = outcomes["2@example.org"]
    assert (refused.verdict, refused.text) == (Verdict.LATER, "452 4.2.2 Mailbox 4.2.2 full")
    assert refused.refusal.refusal_class is RefusalClass.RECIPIENT_LATER


@pytest.mark.parametrize(
    ("answer", "hard"),
    [("550 5.1.1 No such user", True), ("552 5.2.2 Mailbox full", False), ("550 What now", False)],
)
def test_only_an_address_that_does_not_exist_is_to_be_suppressed(serve, answer, hard):
    serve(answer=at("RCPT", answer))
    outcomes, _ = send(names(1))
    refused = outcomes["0@example.org"]
    assert (refused.verdict, refused.text, refused.refusal.suppress) == (Verdict.NEVER, answer, hard)


@pytest.mark.parametrize("verb", ["RCPT", "DATA", "DOT"])
@pytest.mark.parametrize(
    "answer",
    [
        "530 5.7.0 Authentication required",
        "550 5.1.8 Domain of sender not found",
        "554 5.7.1 <us@example.com>: Sender address rejected: no",
    ],
)
def test_an_answer_about_the_sender_says_so(serve, verb, answer):
    serve(answer=at(verb, answer))
    outcomes, error = send(names(3))
    assert error is None
    assert {(said.text, said.refusal.refusal_class) for said in outcomes.values()} == {
        (answer, RefusalClass.SENDER)
    }


def test_a_server_that_wants_data_without_recipients_gets_a_lone_dot(serve):
    def answer(session, verb, line):
        if verb == "RCPT" and "0@" in line:
            return "550 5.1.1 no"
        return "354 go on" if verb == "DATA" and session.mails == 0 else None

    server = serve(answer=answer)
    outcomes, _ = send(names(2))
    assert outcomes["0@example.org"].text == "550 5.1.1 no"
    assert server.taken[0].content == b""
    assert server.taken[-1].recipient == "1@example.org"


def test_an_address_that_needs_smtputf8_is_sent_or_refused_with_a_reason(serve):
    server = serve()
    outcomes, _ = send(["анна@почта.рф", "boris@почта.рф"])
    assert accepted(outcomes) == ["boris@почта.рф", "анна@почта.рф"]
    assert [(m.recipient, m.options) for m in server.taken] == [
        ("анна@почта.рф", "BODY=8BITMIME SMTPUTF8"),
        ("boris@xn--80a1acny.xn--p1ai", "BODY=8BITMIME"),
    ]
    serve(offers=("8BITMIME",))
    outcomes, _ = send(["анна@почта.рф"])
    assert outcomes["анна@почта.рф"].verdict is Verdict.NEVER
    assert outcomes["анна@почта.рф"].text.startswith("550 5.6.7 ")


@pytest.mark.parametrize("address", ["a b@example.org", "a>@example.org", "a\r\nDATA@example.org", "nobody"])
def test_an_address_can_say_no_command_of_its_own(serve, address):
    server = serve()
    outcomes, _ = send([address, "good@example.org"])
    assert outcomes[address].text.startswith("This mail cannot be written: the address")
    assert server.recipients == ["good@example.org"]


class TestWhenItGoesWrong:
    """Whatever a server does, each mail has one outcome, and the client is never fooled or stuck."""

    @pytest.mark.parametrize(
        ("rule", "says"),
        [
            (at("GREET", "421 4.3.2 Not now"), "421 4.3.2 Not now"),
            (at("GREET", "554 5.3.2 Never"), "554 5.3.2 Never"),
            (at("GREET", b"HTTP/1.1 400 Bad Request\r\n"), "does not speak SMTP"),
            (at("GREET", b"220 " + b"x" * 100_000), "does not speak SMTP"),
            (at("GREET", b"220-x\r\n" * 1000), "does not speak SMTP"),
            (at("GREET", b"220 a\r\n250 b\r\n"), "spoke without being asked"),
            (at("GREET", Cut), "closed the connection before it could be used"),
            (at("EHLO", "421 4.3.2 Gone"), "421 4.3.2 Gone"),
            (at("EHLO", Cut), "closed the connection before it could be used"),
            (at("MAIL", "421 4.3.0 Bye"), "421 4.3.0 Bye"),
        ],
    )
    def test_before_a_mail_is_in_hand_no_try_is_lost(self, serve, rule, says):
        serve(answer=rule)
        outcomes, error = send(names(3))
        assert isinstance(error, ServerAway)
        assert says in str(error)
        assert not any(isinstance(said, ServerAway) and said.in_hand for said in outcomes.values())
        assert accepted(outcomes) == []

    @pytest.mark.parametrize("offers", [(), PLAIN])
    @pytest.mark.parametrize("verb", ["RCPT", "DATA"])
    @pytest.mark.parametrize("how", [Cut, "nonsense", b"250 " + b"x" * 9000, "354 what?"])
    def test_in_the_middle_one_mail_is_in_hand_and_none_unknown(self, serve, offers, verb, how):
        if verb == "DATA" and how == "354 what?":
            how = "250 what?"
        serve(offers=offers, answer=at(verb, how))
        outcomes, error = send(names(3))
        assert isinstance(error, ServerAway)
        assert [(said.in_hand, said.unknown) for said in outcomes.values() if said] == [(True, False)]

    @pytest.mark.parametrize("offers", [(), PLAIN])
    @pytest.mark.parametrize("how", [Cut, "nonsense", b"250 " + b"x" * 9000, "354 what?", b"\x00\xff\r\n"])
    def test_after_the_final_dot_it_is_unknown(self, serve, offers, how):
        server = serve(offers=offers, answer=at("DOT", how))
        outcomes, error = send(names(3))
        assert isinstance(error, ServerAway)
        assert outcomes["0@example.org"].unknown
        assert sum(isinstance(said, ServerAway) and said.in_hand for said in outcomes.values()) == 1
        assert len(server.taken) == (how is Cut)

    def test_421_after_the_final_dot_says_that_it_was_not_taken(self, serve):
        serve(answer=at("DOT", "421 4.3.0 Bye"))
        outcomes, _ = send(names(1))
        refused = outcomes["0@example.org"]
        assert (refused.verdict, refused.text) == (Verdict.LATER, "421 4.3.0 Bye")

    def test_cut_with_mails_written_ahead_all_that_was_written_is_unknown(self, serve, settings):
        settings.MAIL_WINDOW = 10
        server = serve(offers=CHUNKS, answer=lambda s, verb, _: _cut_at(s, verb, mails=4))
        transport = SmtpTransport()
        transport.put([Note(address) for address in names(30)])
        outcomes = {}
        while transport.busy or not outcomes:
            outcomes |= {mail.to: said for mail, said in transport.poll(0.2)}
            if any(isinstance(said, ServerAway) for said in outcomes.values()):
                break
        transport.close()
        answered = set(accepted(outcomes))
        unknown = {to for to, said in outcomes.items() if isinstance(said, ServerAway) and said.unknown}
        assert answered == set(names(3))
        assert set(server.recipients) - answered <= unknown
        assert len(unknown) <= 10

    def test_answers_that_came_before_the_cut_are_not_lost(self, serve):
        def answer(session, verb, line):
            if verb == "DOT" and session.mails == 3:
                session.send(b"250 2.0.0 Ok: third\r\n")
                raise Cut

        server = serve(answer=answer)
        outcomes, _ = send(names(3))
        assert server.sessions[0].closed.wait(5)
        assert accepted(outcomes) == names(3) == server.recipients

    @pytest.mark.parametrize("verb", ["GREET", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
    def test_silence_ends_within_the_time_limit(self, serve, settings, verb):
        server = serve(answer=at(verb, lambda session: session.server.over.wait(30) and b""))
        settings.MAIL_TIMEOUT = 1
        began = monotonic()
        _, error = send(names(2))
        assert 1 <= monotonic() - began < 4
        opening = f"The mail server 127.0.0.1:{server.port} did not greet within 1 seconds."
        assert (
            str(error) == opening if verb in ("GREET", "EHLO") else "The mail server did not answer in time."
        )
        assert server.taken == []

    def test_a_reply_that_only_trickles_ends_within_the_time_limit(self, serve, settings):
        def trickle(session):
            while not session.server.over.wait(0.1):
                session.send(b"2")
            return b""

        serve(answer=at("DOT", trickle))
        settings.MAIL_TIMEOUT = 1
        began = monotonic()
        outcomes, _ = send(names(1))
        assert monotonic() - began < 4
        assert outcomes["0@example.org"].unknown

    def test_a_flood_of_replies_nobody_asked_for_ends_the_connection(self, serve):
        serve(answer=at("EHLO", b"250-rough\r\n250 PIPELINING\r\n" + b"250 Ok\r\n" * 10_000))
        _, error = send(names(2))
        assert "spoke without being asked" in str(error)

    def test_an_answer_too_many_is_not_taken_for_the_next_mails(self, serve):
        server = serve(answer=at("DOT", b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n", times=1))
        outcomes, _ = send(names(3))
        for to in accepted(outcomes):
            assert to in server.recipients or to == "0@example.org"

    def test_a_server_that_does_not_read_ends_within_the_time_limit(self, serve, settings):
        serve(answer=at("DATA", lambda s: s.send(b"354 go\r\n") or (s.server.over.wait(30) and b"")))
        settings.MAIL_TIMEOUT = 1
        transport = SmtpTransport()
        transport.put([Note("0@example.org", "x" * 70 + "\r\n" * 8_000_000)])
        began, outcomes = monotonic(), []
        while not outcomes:
            outcomes = transport.poll(0.2)
        transport.close()
        assert monotonic() - began < 6
        assert (outcomes[0][1].in_hand, outcomes[0][1].unknown) == (True, False)

    def test_fewer_connections_than_wanted_are_enough(self, serve, settings):
        def answer(session, verb, line):
            crowded = session.server.sessions.index(session) >= 2
            return "421 4.7.0 Too many connections" if verb == "GREET" and crowded else None

        server = serve(answer=answer)
        settings.MAIL_CONNECTIONS = 6
        outcomes, error = send(names(60))
        assert error is None
        assert accepted(outcomes) == sorted(names(60)) == sorted(server.recipients)

    def test_a_kept_connection_that_the_server_closes_is_replaced(self, serve):
        def answer(session, verb, line):
            return "421 4.7.0 Enough for one connection" if verb == "MAIL" and session.mails == 2 else None

        server = serve(answer=answer)
        outcomes, error = send(names(6))
        assert error is None
        left = [to for to, said in outcomes.items() if not isinstance(said, Result)]
        assert not any(outcomes[to].in_hand for to in left)
        assert sorted([*accepted(outcomes), *left]) == names(6)
        assert len(server.sessions) >= 2

    def test_an_ill_server_is_tried_with_one_mail_first(self, serve, settings):
        server = serve(answer=at("DOT", Cut))
        settings.MAIL_CONNECTIONS = 8
        outcomes, _ = send(names(40), careful=True)
        assert len(server.sessions) == 1
        assert list(outcomes) == ["0@example.org"]

    def test_an_unreachable_server_says_so(self, serve, settings):
        server = serve()
        server.__exit__(None, None, None)
        _, error = send(names(1))
        assert str(error) == "The mail server cannot be reached: [Errno 111] Connection refused"
        settings.EMAIL_HOST = "no-such-host.invalid"
        _, error = send(names(1))
        assert str(error).startswith("The mail server cannot be reached: ")


def _cut_at(session, verb, *, mails):
    if verb == "DOT" and session.mails == mails:
        raise Cut


def test_one_mail_is_delivered_and_waited_for(serve):
    serve()
    transport = SmtpTransport()
    assert deliver(transport, Note("a@example.org")).text == "250 2.0.0 Ok: queued as 0000000001"
    transport.close()


def test_all_workers_of_a_process_share_the_connections(serve, settings):
    server = serve(answer=lambda s, verb, _: (s.server.over.wait(0.02 if verb == "DOT" else 0), None)[1])
    settings.MAIL_CONNECTIONS = 3
    first, second = SmtpTransport(), SmtpTransport()
    for transport, part in ((first, names(40)[:20]), (second, names(40)[20:])):
        transport.put([Note(address) for address in part])
    while first.busy or first.waiting:
        first.poll(0.05)
        second.poll(0)
    assert len(server.sessions) == 3
    first.close()
    while second.busy or second.waiting:
        second.poll(0.05)
    second.close()
    assert sorted(server.recipients) == sorted(names(40))
