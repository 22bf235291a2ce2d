"""Sending to the mail servers that people run; judged by their own logs."""

import logging
import os
import re
from time import monotonic

import pytest
from django.db.models import Count

from bench.servers import Balancer, CannotMount, Exim, OpenSmtpd, Postfix, Sendmail, may_unshare, missing
from mailer import mailings
from mailer.models import MailServer, Suppression
from mailer.transport import trust
from mailer.transport.kept import connections
from mailer.transport.mail_socket import MailSocket
from testing.factories import ClientFactory
from testing.sending import go_on, make_mailing

MISSING = missing()
pytestmark = [
    pytest.mark.services,
    pytest.mark.alone,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(MISSING) and os.environ.get("CI") != "true", reason=MISSING or "they are here"),
]


@pytest.fixture(autouse=True)
def _here():
    assert not MISSING


@pytest.fixture
def exim_with_a_small_spool():
    try:
        with Exim(spool="1m") as exim:
            yield exim
    except CannotMount as error:
        pytest.skip(f"a small file system is needed: {error}")


@pytest.fixture
def send_to(settings):
    """Points the settings to a server."""

    def point(server):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        trust.forget()

    yield point
    connections.close_all()
    trust.forget()


def addresses(number, name="good"):
    return [f"{name}{n}@example.org" for n in range(number)]


def start(owner, emails):
    """Begin to mail them, in this order."""
    return make_mailing(owner, [ClientFactory(owner=owner, email=email) for email in emails]).attempts.get()


def statuses(attempt):
    rows = attempt.deliveries.values_list("status", "tries").order_by().annotate(number=Count("pk"))
    return {(status, tries): number for status, tries, number in rows}


def emails_of(attempt, status):
    return set(attempt.deliveries.filter(status=status).values_list("email", flat=True))


def once_each(emails):
    return dict.fromkeys(emails, 1)


class TestExim:
    def test_a_spool_that_runs_full_never_makes_a_mail_sent_that_was_not_taken(
        self, owner, exim_with_a_small_spool, send_to, settings, time_machine
    ):
        """With CHUNKING, this Exim then gives some BDATs no reply and goes on with the next command."""
        exim = exim_with_a_small_spool
        settings.MAIL_TIMEOUT = 2
        everybody = addresses(200)
        send_to(exim)
        attempt = start(owner, everybody)
        taken = exim.taken
        assert 20 < len(taken) < 200
        assert emails_of(attempt, "sent") <= set(taken)
        assert attempt.failed == 0
        assert attempt.problem.startswith("451 Error ")
        assert MailServer.objects.get().rests_until is not None
        # A refusal right behind an acceptance counts as one mail's own; the spool has room at times.
        assert attempt.deliveries.filter(status="queued", tries__gt=0).count() < 50

        # Whether a reply is left out depends on the octet at which the spool is full: often, not always.
        server = ("127.0.0.1", exim.port)
        for size in range(1200, 2200, 200):
            if "CHUNKING" in trust.distrusted(server):
                break
            exim.resize(f"{size}k")
            go_on(attempt, time_machine)
            assert emails_of(attempt, "sent") <= set(exim.taken)
        assert trust.distrusted(server) == {"CHUNKING"}

        exim.resize("64m")
        before = len(exim.log)
        go_on(attempt, time_machine)
        assert " K S=" not in exim.log[before:], "that is how it logs what came by BDAT"
        assert (attempt.status, attempt.sent, attempt.failed) == ("succeeded", 200, 0)
        taken = exim.taken
        assert set(taken) == set(everybody)
        twice = {email for email, number in taken.items() if number > 1}
        assert twice <= set(attempt.deliveries.filter(possibly_twice=True).values_list("email", flat=True))
        assert attempt.possibly_twice <= settings.MAIL_WINDOW

    @pytest.mark.parametrize("every", [10, 2])
    def test_dead_addresses_among_others_cost_nobody_else_anything(self, owner, send_to, every, monkeypatch):
        """Each costs a RSET, and Exim says 421 after ten commands that are none of a mail's."""
        resets = _count_resets(monkeypatch)
        everybody = addresses(300)
        dead = set(everybody[5::every])
        rule = "  deny local_parts = " + " : ".join(email.partition("@")[0] for email in sorted(dead))
        with Exim(at_rcpt=f"{rule}\n       message = 5.1.1 User unknown") as exim:
            send_to(exim)
            began = monotonic()
            attempt = start(owner, everybody)
            assert monotonic() - began < 20
            assert exim.taken == once_each(set(everybody) - dead)
        assert (attempt.status, attempt.possibly_twice) == ("partly", 0)
        assert statuses(attempt) == {("sent", 1): 300 - len(dead), ("failed", 1): len(dead)}
        assert emails_of(attempt, "failed") == dead
        # One behind each refusal, and one before each mail that is written ahead.
        assert len(dead) * 0.9 <= sum(resets) < 300

    def test_what_stands_behind_a_refusal_that_closes_is_not_begun(self, owner, send_to):
        everybody = addresses(200)
        dead = set(everybody[5::10])
        rule = "  drop local_parts = " + " : ".join(email.partition("@")[0] for email in sorted(dead))
        with Exim(at_rcpt=f"{rule}\n       message = 5.1.1 User unknown") as exim:
            send_to(exim)
            attempt = start(owner, everybody)
            assert exim.taken == once_each(set(everybody) - dead)
        assert (attempt.status, attempt.possibly_twice) == ("partly", 0)
        assert statuses(attempt) == {("sent", 1): 180, ("failed", 1): 20}

    def test_a_limit_of_mails_for_each_connection_costs_nothing(self, owner, send_to):
        with Exim(main="smtp_accept_max_per_connection = 10") as exim:
            send_to(exim)
            attempt = start(owner, addresses(200))
            assert exim.taken == once_each(addresses(200))
        assert statuses(attempt) == {("sent", 1): 200}
        assert (attempt.possibly_twice, MailServer.objects.exists()) == (0, False)

    def test_a_mail_that_is_too_large_is_held_before_the_first_recipient(self, owner, send_to):
        with Exim(main="message_size_limit = 1K") as exim:
            send_to(exim)
            attempt = start(owner, addresses(3))
            assert attempt.held_at is not None
            assert "and the mail server takes 1024" in attempt.problem
            assert statuses(attempt) == {("queued", 0): 3}
            assert "example.org" not in exim.log


def _count_resets(monkeypatch):
    """A list that grows with each write by the number of RSETs in it."""
    resets, write = [], MailSocket.write

    def counting(self, data):
        said = bytes(data)
        number = write(self, data)
        resets.append(said[:number].count(b"RSET\r\n"))
        return number

    monkeypatch.setattr(MailSocket, "write", counting)
    return resets


ABOUT_US = {
    "no log-in": (
        "smtpd_recipient_restrictions =\nsmtpd_client_restrictions = reject",
        "554 5.7.1 <localhost[127.0.0.1]>: Client host rejected: Access denied",
    ),
    "HELO": (
        "smtpd_helo_required = yes\nsmtpd_helo_restrictions = check_helo_access regexp:{etc}/helo",
        "504 5.5.2",
    ),
    "relay": ("mynetworks = 192.0.2.0/24\nrelay_domains =", "454 4.7.1"),
    "relay for good": (
        "mynetworks = 192.0.2.0/24\nrelay_domains =\nsmtpd_relay_restrictions = reject_unauth_destination\n"
        "relay_domains_reject_code = 554",
        "554 5.7.1",
    ),
}  # fmt: skip


class TestPostfix:
    @pytest.mark.parametrize(("refusing", "said"), ABOUT_US.values(), ids=ABOUT_US)
    def test_a_refusal_that_is_about_us_holds_the_run_until_it_is_put_right(
        self, owner, send_to, refusing, said
    ):
        files = {"helo": "/./ 504 5.5.2 need fully-qualified hostname\n"}
        everybody = addresses(100)
        with Postfix(refusing, files=files) as postfix:
            send_to(postfix)
            attempt = start(owner, everybody)
            assert attempt.held_at is not None
            assert attempt.problem.startswith(said)
            assert statuses(attempt) == {("queued", 0): 100}
            assert not Suppression.objects.exists()

            postfix.change("")
            assert mailings.try_again(attempt)
            attempt.refresh_from_db()
            assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 100, 0)
            assert postfix.taken == once_each(everybody)

    def test_unknown_addresses_first_cost_seconds(self, owner, send_to):
        """After ten errors on a connection Postfix waits a second with each reply, after twenty it cuts."""
        dead, good = addresses(300, "dead"), addresses(100)
        known = "".join(f"{email} -\n" for email in good)
        with Postfix("relay_recipient_maps = texthash:{etc}/known", files={"known": known}) as postfix:
            send_to(postfix)
            began = monotonic()
            attempt = start(owner, dead + good)
            assert monotonic() - began < 20
            assert postfix.taken == once_each(good)
            assert "too many errors" not in postfix.log
        assert (attempt.status, attempt.possibly_twice) == ("partly", 0)
        assert statuses(attempt) == {("sent", 1): 100, ("failed", 1): 300}
        assert emails_of(attempt, "failed") == set(dead)

    @pytest.mark.parametrize(
        ("waits", "postscreen"),
        [
            ("postscreen_access_list =\npostscreen_greet_action = enforce\npostscreen_greet_wait = 6s", True),
            ("smtpd_delay_reject = no\nsmtpd_client_restrictions = sleep 7", False),
        ],
        ids=["postscreen", "sleep"],
    )
    def test_a_server_that_greets_late_is_waited_for(self, owner, send_to, caplog, waits, postscreen):
        caplog.set_level(logging.WARNING)
        with Postfix(waits, postscreen=postscreen) as postfix:
            send_to(postfix)
            began = monotonic()
            attempt = start(owner, addresses(100))
            seconds = monotonic() - began
            assert postfix.taken == once_each(addresses(100))
        assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 100, 0)
        assert statuses(attempt) == {("sent", 1): 100}
        assert 6 <= seconds < 20
        assert not caplog.records

    def test_a_mail_that_is_too_large_is_held_before_the_first_recipient(self, owner, send_to):
        with Postfix("message_size_limit = 1000") as postfix:
            send_to(postfix)
            attempt = start(owner, addresses(3))
            assert attempt.held_at is not None
            assert "and the mail server takes 1000" in attempt.problem
            assert statuses(attempt) == {("queued", 0): 3}
            assert "example.org" not in postfix.log

            postfix.change("")
            assert mailings.try_again(attempt)
            attempt.refresh_from_db()
            assert (attempt.status, attempt.sent) == ("succeeded", 3)
            assert postfix.taken == once_each(addresses(3))


class TestTwoBehindOneName:
    def test_they_may_offer_different_things(self, owner, send_to):
        bare = "smtpd_discard_ehlo_keywords = pipelining, chunking, 8bitmime, size, smtputf8"
        with Exim() as exim, Postfix(bare) as postfix, Balancer(exim, postfix) as both:
            send_to(both)
            attempt = start(owner, addresses(300))
            assert both.taken == once_each(addresses(300))
            assert exim.taken
            assert postfix.taken
        assert (attempt.status, attempt.possibly_twice) == ("succeeded", 0)
        assert statuses(attempt) == {("sent", 1): 300}

    def test_what_only_one_refuses_is_held_and_goes_out_when_it_is_put_right(self, owner, send_to):
        refusing, _ = ABOUT_US["relay for good"]
        with Postfix(refusing) as refuses, Postfix() as takes, Balancer(refuses, takes) as both:
            send_to(both)
            attempt = start(owner, addresses(300))
            assert attempt.held_at is not None
            assert "554 5.7.1" in attempt.problem
            assert 0 < attempt.sent < 300
            assert statuses(attempt) == {("sent", 1): attempt.sent, ("queued", 0): 300 - attempt.sent}

            refuses.change("")
            assert mailings.try_again(attempt)
            attempt.refresh_from_db()
            assert (attempt.status, attempt.sent, attempt.failed) == ("succeeded", 300, 0)
            taken = both.taken
            taken.pop(owner.email, None)  # was told that the run is held
            assert taken == once_each(addresses(300))


in_a_namespace = pytest.mark.skipif(
    not MISSING and not may_unshare(), reason="this machine lets nobody have namespaces"
)


@in_a_namespace
class TestOpenSmtpd:
    def test_its_hundred_mails_a_connection_cost_nothing(self, owner, send_to, settings):
        settings.MAIL_CONNECTIONS = 2
        with OpenSmtpd() as server:
            send_to(server)
            attempt = start(owner, addresses(300))
            assert server.taken == once_each(addresses(300))
            assert "Too many messages sent" in server.log
        assert statuses(attempt) == {("sent", 1): 300}
        assert not MailServer.objects.exists()

    def test_invalid_recipients_among_others_are_dead_addresses(self, owner, send_to):
        dead = ", ".join(f'"{email}"' for email in addresses(5, "dead"))
        with OpenSmtpd(main=f"table dead {{ {dead} }}", matching="! rcpt-to <dead>") as server:
            send_to(server)
            attempt = start(owner, addresses(5, "dead") + addresses(100))
        assert emails_of(attempt, "failed") == set(addresses(5, "dead"))
        assert set(Suppression.objects.values_list("email", flat=True)) == set(addresses(5, "dead"))

    def test_no_rule_for_a_domain_holds_the_run(self, owner, send_to):
        with OpenSmtpd(main='table us { "nobody@example.com" }', matching="mail-from <us>") as server:
            send_to(server)
            attempt = start(owner, addresses(100))
        assert attempt.held_at is not None
        assert attempt.problem.startswith("550 Invalid recipient")
        assert statuses(attempt) == {("queued", 0): 100}
        assert not Suppression.objects.exists()


@in_a_namespace
class TestSendmail:
    def test_a_long_name_in_another_alphabet_leaves_the_address_whole(self, owner, send_to):
        name = "Александра-Екатерина Константиновна Преображенская-Вознесенская-Архангельская"
        with Sendmail() as server:
            send_to(server)
            clients = [ClientFactory(owner=owner, email=email, full_name=name) for email in addresses(3)]
            make_mailing(owner, clients)
            fields = [re.search(r"\?\?To: (.*(?:\n[ \t].*)*)", text)[1] for text in server.queued]
        assert sorted(field.split()[-1] for field in fields) == [f"<{email}>" for email in addresses(3)]

    def test_a_limit_of_new_connections_is_met_by_those_that_are_kept(self, owner, send_to):
        limit = "FEATURE(`ratecontrol', `nodelay', `terminate')dnl"
        with Sendmail(features=limit, access="ClientRate:127.0.0.1 3\n") as server:
            send_to(server)
            attempt = start(owner, addresses(300))
            assert server.taken == once_each(addresses(300))
            assert "421 4.3.2 Connection rate limit exceeded" in server.log
        assert statuses(attempt) == {("sent", 1): 300}

    def test_an_access_map_that_refuses_us_holds_the_run(self, owner, send_to, settings):
        settings.DEFAULT_FROM_EMAIL = "us@example.com"
        with Sendmail(access="From:example.com ERROR:5.7.1:550 Access denied\n") as server:
            send_to(server)
            attempt = start(owner, addresses(100))
        assert attempt.held_at is not None
        assert attempt.problem.startswith("550 5.7.1")
        assert statuses(attempt) == {("queued", 0): 100}
