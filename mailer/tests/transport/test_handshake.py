"""TLS and log-in before the first mail, against servers that offer them, or not."""

import ssl
import subprocess

import pytest

from mailer.transport import ConfigurationRefused, ServerAway
from testing.notes import accepted, names, send
from testing.rough_server import CHUNKS, PLAIN, at

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
