"""Real servers of DNS, HTTP and spamd on loopback."""

import socket
from contextlib import suppress
from threading import Thread

import pytest

from testing.dns_server import DnsServer
from testing.web_server import WebServer


@pytest.fixture
def dns(settings):
    with DnsServer() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


@pytest.fixture
def web(dns):
    """A site at www.example.test, which a test may ask although it stands on loopback."""
    with WebServer() as server:
        dns.records["www.example.test", "A"] = ["127.0.0.1"]
        server.url = f"http://www.example.test:{server.port}/"
        yield server


@pytest.fixture
def sender(settings, dns):
    settings.DEFAULT_FROM_EMAIL = "Us <news@example.com>"
    return dns


@pytest.fixture
def spamd(settings):
    """Answers with what `spamd.says` is."""
    listening = socket.create_server(("127.0.0.1", 0))
    settings.SPAMD = listening.getsockname()

    class Spamd:
        says = b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.4 / 5.0\r\n\r\nHTML_MESSAGE,MIME_X\r\n"
        heard = b""

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    while data := connection.recv(65_536):
                        Spamd.heard += data
                    connection.sendall(Spamd.says)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    yield Spamd
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
