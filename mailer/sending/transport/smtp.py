"""One kept SMTP connection over the standard library's client (RFC 5321)."""

import re
import smtplib
import ssl
from email.utils import parseaddr
from typing import Any, cast

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend

from mailer.sending.transport.base import Answer, ConfigurationRefused, ServerAway, Verdict

MAILS_PER_CONNECTION = 1000
_NETWORK = (OSError, smtplib.SMTPServerDisconnected)  # OSError: refused, reset, timed out, TLS


class SmtpTransport:
    """Connects when needed and keeps the connection for the mails that follow."""

    def __init__(self) -> None:
        self._backend = cast(EmailBackend, get_connection())
        self._smtp: smtplib.SMTP | None = None
        self._count = 0
        self._sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]

    def send(self, mail: EmailMultiAlternatives, *, to: str) -> Answer:
        """See Transport.send."""
        try:
            address = _ascii(to)
        except UnicodeError:
            return Answer(verdict=Verdict.NEVER, text="This address cannot be written in ASCII.")
        if self._count >= MAILS_PER_CONNECTION:
            self.close()
        payload = _payload(mail)
        smtp = self._begin()
        self._count += 1
        return self._recipient(smtp, address) or self._data(smtp, payload)

    def close(self) -> None:
        smtp, self._smtp, self._count = self._smtp, None, 0
        self._backend.connection = None
        if smtp:
            try:
                smtp.quit()
            except (*_NETWORK, smtplib.SMTPException):
                smtp.close()

    def _connect(self) -> smtplib.SMTP:
        try:
            self._backend.open()
            smtp: smtplib.SMTP | None = self._backend.connection
            if smtp is None:
                raise ServerAway("The mail server cannot be reached.")
            smtp.ehlo_or_helo_if_needed()
        except ssl.SSLError as error:
            raise ServerAway(f"TLS failed: {error}") from error
        except smtplib.SMTPAuthenticationError as error:
            raise _refused_login(error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise ConfigurationRefused(str(error)) from error
        except smtplib.SMTPResponseException as error:
            raise ServerAway(_text(error.smtp_code, error.smtp_error)) from error
        except (*_NETWORK, smtplib.SMTPException) as error:
            raise ServerAway(f"The mail server cannot be reached: {error}") from error
        self._smtp = smtp
        return smtp

    def _begin(self) -> smtplib.SMTP:
        """Connect if need be and say MAIL; a kept connection that went stale is replaced once."""
        kept = self._smtp
        if kept:
            try:
                return self._mail_from(kept)
            except ServerAway:
                pass
        return self._mail_from(self._connect())

    def _mail_from(self, smtp: smtplib.SMTP) -> smtplib.SMTP:
        code, said = self._command(smtp, f"MAIL FROM:<{self._sender}>", in_hand=False)
        if code == 250:
            return smtp
        self._drop()
        if 500 <= code < 600:
            raise ConfigurationRefused(f"The sender was refused: {_text(code, said)}")
        raise ServerAway(_text(code, said))

    def _recipient(self, smtp: smtplib.SMTP, address: str) -> Answer | None:
        """RCPT; None when the server takes the recipient."""
        code, said = self._command(smtp, f"RCPT TO:<{address}>")
        if code in (250, 251, 252):
            return None
        answer = self._judge(code, said)
        self._command(smtp, "RSET")
        return answer

    def _data(self, smtp: smtplib.SMTP, payload: bytes) -> Answer:
        code, said = self._command(smtp, "DATA")
        if code != 354:
            answer = self._judge(code, said)
            self._command(smtp, "RSET")
            return answer
        try:
            smtp.send(payload)
            code, said = smtp.getreply()
        except (*_NETWORK, smtplib.SMTPException) as error:
            self._drop()
            # Whether it was cut before or after the final dot arrived, only the server knows.
            raise ServerAway(f"The connection broke before the answer: {error}", unknown=True) from error
        if code == 421 or not 200 <= code < 600 or 300 <= code < 400:
            self._drop()
            raise ServerAway(_text(code, said), in_hand=True, unknown=code != 421)
        return self._judge(code, said)

    def _command(self, smtp: smtplib.SMTP, line: str, *, in_hand: bool = True) -> tuple[int, bytes]:
        """Say one line; ServerAway if the connection breaks, the server says 421 or nonsense."""
        try:
            code, said = smtp.docmd(line)
        except (*_NETWORK, smtplib.SMTPException) as error:
            self._drop()
            raise ServerAway(f"The connection broke: {error}", in_hand=in_hand) from error
        if code == 421 or not 200 <= code < 600:
            self._drop()
            raise ServerAway(_text(code, said), in_hand=in_hand)
        return code, said

    def _judge(self, code: int, said: bytes) -> Answer:
        text = _text(code, said)
        if 200 <= code < 300:
            return Answer(verdict=Verdict.ACCEPTED, text=text)
        if 400 <= code < 500:
            return Answer(verdict=Verdict.LATER, text=text)
        return Answer(verdict=Verdict.NEVER, text=text, hard_bounce=bool(re.match(r"55\d[ -]5\.1\.\d", text)))

    def _drop(self) -> None:
        """Forget a connection that can no longer be trusted, without another word to it."""
        smtp, self._smtp, self._count = self._smtp, None, 0
        self._backend.connection = None
        if smtp:
            smtp.close()


def _refused_login(error: smtplib.SMTPAuthenticationError) -> ConfigurationRefused | ServerAway:
    text = f"The log-in was refused: {_text(error.smtp_code, error.smtp_error)}"
    return ServerAway(text) if 400 <= error.smtp_code < 500 else ConfigurationRefused(text)


def _ascii(address: str) -> str:
    """The address with its domain in IDNA (RFC 5890); UnicodeError if the local part needs SMTPUTF8."""
    local, _, domain = address.rpartition("@")
    return f"{local.encode('ascii').decode()}@{domain.encode('idna').decode()}"


def _payload(mail: EmailMultiAlternatives) -> bytes:
    """The mail as sent after DATA: CRLF line ends, dots stuffed, the final dot (RFC 5321 section 4.5.2)."""
    message: Any = mail.message()  # Django's own class, whose as_bytes knows linesep
    content: bytes = message.as_bytes(linesep="\r\n")
    return re.sub(rb"(?m)^\.", b"..", content).rstrip(b"\r\n") + b"\r\n.\r\n"


def _text(code: int, said: bytes | str) -> str:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(words.split())}"[:500]
