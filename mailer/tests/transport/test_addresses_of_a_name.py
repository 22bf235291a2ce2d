"""A name with several addresses: the mail goes by whichever works, and all in one MAIL_TIMEOUT."""

import socket
from time import monotonic

import pytest

from bench.drills.servers.helpers import Silent
from mailer.transport import connection, kept, mail_socket
from testing.notes import accepted, names, send

pytestmark = pytest.mark.once
OTHER = "127.0.0.2"


@pytest.fixture
def addresses(settings, monkeypatch):
    """Gives the server's name these addresses, in this order, and forgets what is known about them."""
    mail_socket._failed_at.clear()

    def give(*hosts_and_ports):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", each) for each in hosts_and_ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(found))

    yield give
    mail_socket._failed_at.clear()


def test_the_second_address_is_used_when_the_first_lets_nobody_connect(
    serve, addresses, settings, monkeypatch
):
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    server = serve()
    settings.MAIL_CONNECTIONS = 3
    with Silent(drops=True, host=OTHER) as firewall:
        addresses((OTHER, firewall.port), ("127.0.0.1", server.port))
        for longest in (2, 0.4):  # from the second time on, the one that works comes first
            began = monotonic()
            outcomes, error = send(names(20))
            assert (error, accepted(outcomes)) == (None, sorted(names(20)))
            assert monotonic() - began < longest
            kept.connections.close_all()


def test_the_second_address_is_used_at_once_when_the_first_refuses(serve, addresses):
    closed, server = serve(), serve()
    closed.__exit__(None, None, None)
    addresses(("127.0.0.1", closed.port), ("127.0.0.1", server.port))
    began = monotonic()
    outcomes, error = send(names(3))
    assert (error, accepted(outcomes)) == (None, names(3))
    assert monotonic() - began < 1


@pytest.mark.parametrize("greeting", ["421 4.3.2 Not now", "554 No mail here", "silence"])
def test_after_one_that_cannot_be_used_comes_the_other(serve, addresses, settings, greeting):
    ill, well = serve(), serve()
    settings.MAIL_TIMEOUT = 1
    ill.answer = lambda session, verb, _: (
        (ill.over.wait(2), None)[1] if greeting == "silence" else greeting if verb == "GREET" else None
    )
    addresses(("127.0.0.1", ill.port), ("127.0.0.1", well.port))
    _, error = send(names(3))
    assert "did not greet" in str(error) if greeting == "silence" else str(error) == greeting
    outcomes, error = send(names(3), careful=True)
    assert (error, accepted(outcomes)) == (None, names(3))
    assert not ill.taken


def test_however_many_addresses_drop_it_is_said_in_time(addresses, serve, settings):
    serve()
    settings.MAIL_TIMEOUT = 2
    with Silent(drops=True) as one, Silent(drops=True, host=OTHER) as other:
        addresses(("127.0.0.1", one.port), (OTHER, other.port), ("127.0.0.1", one.port))
        began = monotonic()
        _, error = send(names(3))
        assert 1.9 < monotonic() - began < 4
    assert str(error).endswith("could not be reached within 2 seconds.")
