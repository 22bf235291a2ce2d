"""A real SMTP server on loopback whose log decides what was mailed."""

import asyncio
import email.policy
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connection

Rule = Callable[[str], str | None]


@dataclass
class Mail:
    recipient: str
    sender: str
    content: bytes

    @property
    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=email.policy.default)

    def part(self, subtype: str) -> str:
        body = self.parsed.get_body((subtype,))
        assert body is not None
        return body.get_content().replace("\r\n", "\n")


@dataclass
class SmtpServer:
    """Answers by rules: a rule gets the recipient and returns an answer, or None to accept."""

    mails: list[Mail] = field(default_factory=list)
    at_rcpt: Rule = lambda _: None
    at_data: Rule = lambda _: None
    at_mail: Rule = lambda _: None
    on_mail: Callable[[Mail], None] = lambda _: None
    sessions: set[Any] = field(default_factory=set)
    port: int = 0

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    def _act(self, mail: Mail) -> None:
        """What a test wants to happen while the server has received the mail and not answered yet."""
        try:
            self.on_mail(mail)
        finally:
            connection.close()

    @property
    def recipients(self) -> list[str]:
        """Whom the server has accepted mail for, in order."""
        return [mail.recipient for mail in self.mails]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.at_mail(address)
        if answer:
            return answer
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.at_rcpt(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.sessions.add(session)
        [recipient] = envelope.rcpt_tos
        answer = self.at_data(recipient)
        if answer:
            return answer
        content = envelope.content
        mail = Mail(recipient, envelope.mail_from or "", content if isinstance(content, bytes) else b"")
        self.mails.append(mail)
        await asyncio.to_thread(self._act, mail)
        return f"250 2.0.0 Ok: queued as {len(self.mails):010X}"
