"""How a connection is opened: greeting, EHLO, STARTTLS, AUTH (RFC 5321, 3207, 4954).

A generator yields one line at a time and is resumed with the reply; its caller does the reading, the writing
and the time limits.
"""

from base64 import b64encode
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from typing import Self

from django.conf import settings

from mailer.transport.addresses import written
from mailer.transport.base import CannotWrite, ConfigurationRefused, ServerAway
from mailer.transport.features import Features
from mailer.transport.replies import Reply


def _sender() -> str:
    """The envelope's sender, with its domain in ASCII; raises ConfigurationRefused if it is no address."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    try:
        return address if address.isascii() else written(address)[0]
    except CannotWrite as error:
        raise ConfigurationRefused(f"DEFAULT_FROM_EMAIL: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The mail server we send over and how we log in there."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    starttls: bool
    tls: bool
    certfile: str | None
    keyfile: str | None
    sender: str
    name: str  # ours, for EHLO
    ca_file: str  # a CA file that is trusted beside the system's
    fingerprint: str  # SHA-256 of the one trusted certificate, in lower-case hex

    @property
    def server(self) -> tuple[str, int]:
        return self.host, self.port

    @classmethod
    def from_settings(cls) -> Self:
        return cls(
            host=settings.EMAIL_HOST,
            port=settings.EMAIL_PORT,
            user=settings.EMAIL_HOST_USER or "",
            password=settings.EMAIL_HOST_PASSWORD or "",
            starttls=settings.EMAIL_USE_TLS,
            tls=settings.EMAIL_USE_SSL,
            certfile=settings.EMAIL_SSL_CERTFILE,
            keyfile=settings.EMAIL_SSL_KEYFILE,
            sender=_sender(),
            name=settings.MAIL_EHLO_NAME,
            ca_file=settings.MAIL_TLS_CA_FILE,
            fingerprint=settings.MAIL_TLS_FINGERPRINT,
        )


class StartTls:
    """Yielded instead of a line: begin TLS now."""


Script = Generator[bytes | StartTls, Reply, Features]
STARTTLS = StartTls()
NOTHING = b""  # read without writing anything


def handshake(account: Account, *, loopback: bool) -> Script:
    """Open a session; raises ServerAway or ConfigurationRefused."""
    _expect((yield NOTHING), 220)
    features = yield from _ehlo(account)
    if account.starttls:
        if not features.starttls:
            raise ConfigurationRefused(
                "The mail server does not offer STARTTLS. Use smtp+ssl:// if it speaks TLS from the start, "
                "or smtp:// for a relay on this machine."
            )
        _expect((yield b"STARTTLS\r\n"), 220)
        yield STARTTLS
        features = yield from _ehlo(account)
    if account.user:
        if not (account.tls or account.starttls or loopback):
            raise ConfigurationRefused(
                "The password is not sent without TLS: use smtp+tls:// or smtp+ssl://."
            )
        # What was offered before STARTTLS does not count (RFC 3207 section 4.2).
        hidden = replace(features, starttls=features.starttls and not account.starttls)
        yield from _log_in(account, hidden)
    return features


def _ehlo(account: Account) -> Generator[bytes | StartTls, Reply, Features]:
    name = account.name.encode("ascii", "replace")
    reply = yield b"EHLO " + name + b"\r\n"
    if 500 <= reply.code < 600:
        _expect((yield b"HELO " + name + b"\r\n"), 250)
        return Features()
    _expect(reply, 250)
    offers = [line.upper().decode("ascii", "replace").split() for line in reply.lines[1:]]
    return Features.read({offer[0]: offer[1:] for offer in offers if offer})


def _log_in(account: Account, features: Features) -> Generator[bytes | StartTls, Reply, None]:
    user, password = account.user.encode(), account.password.encode()
    if "PLAIN" in features.auth:
        reply = yield b"AUTH PLAIN " + b64encode(b"\0" + user + b"\0" + password) + b"\r\n"
    elif "LOGIN" in features.auth:
        reply = yield b"AUTH LOGIN\r\n"
        for word in (user, password):
            if reply.code != 334:
                break
            reply = yield b64encode(word) + b"\r\n"
    else:
        hint = " It may offer one under TLS: use smtp+tls://." if features.starttls else ""
        raise ConfigurationRefused(f"The mail server offers no log-in that we know (PLAIN, LOGIN).{hint}")
    if reply.code != 235:
        text = f"The log-in was refused: {reply.text}"
        raise ConfigurationRefused(text) if 500 <= reply.code < 600 else ServerAway(text)


def _expect(reply: Reply, code: int) -> None:
    if reply.code != code:
        raise ServerAway(reply.text)
