"""TLS and log-in before the first mail, against servers that offer them, or not."""

import socket
import ssl
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from mailer.transport import ConfigurationRefused, ServerAway, connection
from mailer.transport.mail_socket import MailSocket
from testing.notes import accepted, names, send
from testing.rough_server import CHUNKS, PLAIN, Cut, at

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that nobody has signed but itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return cert, context


class SmallSocket(MailSocket):
    """The system takes no more than a few records ahead."""

    def __init__(self, address):
        super().__init__(address)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)


class TestTls:
    @pytest.mark.parametrize("implicit", [False, True])
    @pytest.mark.parametrize("offers", [PLAIN, CHUNKS])
    def test_mail_goes_out_under_tls(self, serve, settings, monkeypatch, certificate, implicit, offers):
        cert, context = certificate
        server = serve(offers=(*offers, "STARTTLS"), context=context, implicit_tls=implicit)
        settings.EMAIL_HOST = "localhost"
        settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = implicit, not implicit
        monkeypatch.setenv("SSL_CERT_FILE", cert)
        outcomes, error = send(names(20))
        assert error is None
        assert accepted(outcomes) == sorted(names(20)) == sorted(server.recipients)

    @pytest.mark.parametrize("implicit", [False, True])
    def test_what_went_out_whole_before_a_cut_is_unknown(
        self, serve, settings, monkeypatch, certificate, implicit
    ):
        """One TLS write may send many records and report none, while the send buffer is full."""

        def answer(session, verb, _line):
            if verb == "DOT" and session.mails == 3:
                session.send = lambda _: None  # its replies are under way when the connection breaks
            if verb == "MAIL" and session.mails == 4:  # in the middle of what was written ahead
                session.reset()
                raise Cut

        server = serve(
            offers=(*CHUNKS, "STARTTLS"), context=certificate[1], implicit_tls=implicit, answer=answer
        )
        server.receive_ahead(4096)
        monkeypatch.setattr(connection, "MailSocket", SmallSocket)
        settings.EMAIL_HOST = "localhost"
        settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = implicit, not implicit
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        outcomes, _ = send(names(6), content="Subject: x\r\n\r\n" + ("x" * 78 + "\r\n") * 5000)
        assert accepted(outcomes) == ["0@example.org", "1@example.org"]
        assert server.recipients == names(4)
        unknown = [to for to, said in outcomes.items() if getattr(said, "unknown", False)]
        assert unknown == ["2@example.org", "3@example.org"]

    @pytest.mark.parametrize("implicit", [False, True])
    def test_a_certificate_that_nobody_vouches_for_is_refused(self, serve, settings, certificate, implicit):
        server = serve(offers=(*PLAIN, "STARTTLS"), context=certificate[1], implicit_tls=implicit)
        settings.EMAIL_HOST = "localhost"
        settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = implicit, not implicit
        _, error = send(names(1))
        assert isinstance(error, ServerAway)
        assert str(error).startswith("TLS failed: ")
        assert server.taken == []

    def test_a_certificate_for_another_name_is_refused(self, serve, settings, monkeypatch, certificate):
        serve(offers=(*PLAIN, "STARTTLS"), context=certificate[1])
        settings.EMAIL_USE_TLS = True
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        _, error = send(names(1))
        assert "TLS failed: " in str(error)

    @pytest.mark.parametrize(
        ("before", "after"), [(CHUNKS, ()), ((), CHUNKS), (("SIZE 10",), PLAIN), (PLAIN, ("8BITMIME",))]
    )
    def test_what_was_offered_before_starttls_does_not_count(
        self, serve, settings, monkeypatch, certificate, before, after
    ):
        """RFC 3207 section 4.2, for a server that changes its mind."""

        def answer(session, verb, _line):
            words = ["rough", *(after if "STARTTLS" in session.said else (*before, "STARTTLS"))]
            lines = [f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"]
            return "\r\n".join(lines) if verb == "EHLO" else None

        server = serve(context=certificate[1], answer=answer)
        settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "localhost", True
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        outcomes, error = send(names(20))
        assert error is None
        assert accepted(outcomes) == sorted(names(20)) == sorted(server.recipients)
        chunks = any(line.startswith("BDAT") for session in server.sessions for line in session.said)
        assert chunks == ("CHUNKING" in after)
        assert {mail.options for mail in server.taken} == {"BODY=8BITMIME" if "8BITMIME" in after else ""}

    @pytest.mark.parametrize("implicit", [False, True])
    @pytest.mark.parametrize("trusted", ["MAIL_TLS_CA_FILE", "MAIL_TLS_FINGERPRINT"])
    def test_a_certificate_of_ones_own_is_trusted(self, serve, settings, certificate, trusted, implicit):
        cert, context = certificate
        server = serve(offers=(*PLAIN, "STARTTLS"), context=context, implicit_tls=implicit)
        settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = implicit, not implicit
        if trusted == "MAIL_TLS_CA_FILE":
            settings.EMAIL_HOST, settings.MAIL_TLS_CA_FILE = "localhost", cert
        else:  # whatever the host's name is
            settings.MAIL_TLS_FINGERPRINT = _fingerprint(cert)
        outcomes, error = send(names(3))
        assert error is None
        assert accepted(outcomes) == names(3) == server.recipients

    def test_another_certificate_than_the_configured_one_is_refused(self, serve, settings, certificate):
        cert, context = certificate
        server = serve(offers=(*PLAIN, "STARTTLS"), context=context)
        settings.EMAIL_USE_TLS, settings.MAIL_TLS_FINGERPRINT = True, "0" * 64
        _, error = send(names(3))
        assert _fingerprint(cert) in str(error), "to be compared with what the server's operator says"
        assert not server.taken

    def test_a_server_without_starttls_gets_no_mail(self, serve, settings):
        server = serve()
        settings.EMAIL_USE_TLS = True
        _, error = send(names(1))
        assert isinstance(error, ConfigurationRefused)
        assert str(error).startswith("The mail server does not offer STARTTLS. ")
        assert not any(line.startswith("MAIL") for line in server.sessions[0].said)

    def test_what_was_slipped_in_before_tls_is_not_taken_for_an_answer(self, serve, settings, certificate):
        serve(
            offers=("STARTTLS",),
            context=certificate[1],
            answer=at("STARTTLS", b"220 go\r\n250 slipped in\r\n"),
        )
        settings.EMAIL_USE_TLS = True
        _, error = send(names(1))
        assert "spoke without being asked" in str(error)


class TestLogIn:
    @pytest.mark.parametrize(
        ("mechanisms", "line"),
        [("PLAIN LOGIN", "AUTH PLAIN AG1lAHPDqWNyZXQ="), ("LOGIN", "AUTH LOGIN"), ("=LOGIN", "AUTH LOGIN")],
    )
    def test_it_logs_in_as_the_server_offers(self, serve, settings, mechanisms, line):
        server = serve(offers=(*PLAIN, f"AUTH{'' if mechanisms[0] == '=' else ' '}{mechanisms}"))
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me", "sécret"
        outcomes, _ = send(names(1))
        assert accepted(outcomes) == names(1)
        assert line in server.sessions[0].said

    def test_a_refused_log_in_is_a_mistake_in_the_configuration(self, serve, settings):
        serve(offers=("AUTH PLAIN",), answer=at("AUTH", "535 5.7.8 Wrong password"))
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me", "x"
        outcomes, error = send(names(2))
        assert isinstance(error, ConfigurationRefused)
        assert str(error) == "The log-in was refused: 535 5.7.8 Wrong password"
        assert outcomes == {}

    def test_a_log_in_that_fails_for_now_gives_the_server_a_rest(self, serve, settings):
        serve(offers=("AUTH PLAIN",), answer=at("AUTH", "454 4.7.0 Temporary failure"))
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me", "x"
        _, error = send(names(1))
        assert isinstance(error, ServerAway)

    def test_the_password_never_goes_out_without_tls(self, serve, settings, monkeypatch):
        server = serve(offers=("AUTH PLAIN",))
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me", "x"
        # The server is on loopback after all; what is asked is what would happen if it were not.
        monkeypatch.setattr("mailer.transport.mail_socket.MailSocket.loopback", False)
        _, error = send(names(1))
        assert isinstance(error, ConfigurationRefused)
        assert "not sent without TLS" in str(error)
        assert not any(line.startswith("AUTH") for line in server.sessions[0].said)


def test_ehlo_says_the_configured_name(serve, settings):
    server = serve()
    settings.MAIL_EHLO_NAME = "mailings.example.net"
    assert send(names(1))[1] is None
    assert server.sessions[0].said[0] == "EHLO mailings.example.net"


def _fingerprint(cert):
    return sha256(ssl.PEM_cert_to_DER_cert(Path(cert).read_text())).hexdigest()
