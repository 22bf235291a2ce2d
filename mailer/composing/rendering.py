"""The mail that a compiled message makes for each recipient."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formataddr, parseaddr
from functools import cached_property
from time import time
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from django.utils.crypto import salted_hmac

from mailer.composing import headers, unsubscribe_links, view_links
from mailer.composing.attribute_values import AttributeValues
from mailer.composing.compiling import Compiled, Preview
from mailer.composing.headers import mailbox, one_line, unstructured
from mailer.composing.list_headers import feedback_id, list_id
from mailer.composing.merge import MERGE_FIELDS, values_for
from mailer.composing.mime_files import File, as_mime, wrapped
from mailer.composing.mime_template import MimeTemplate, fill, plain, quoted_printable, segments, settled
from mailer.composing.picture_files import pictures_inside
from mailer.models.attribute import kinds_of
from mailer.transport import CannotWrite
from mailer.transport.addresses import written
from people.models import User

HEAVY = 500_000  # bytes of files


class Addressed(Protocol):
    """The part of a mail that is its own: who gets it, and its Message-ID."""

    @property
    def pk(self) -> int | None: ...  # of the delivery; None: a test
    @property
    def email(self) -> str: ...
    @property
    def full_name(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def attributes(self) -> str | None: ...  # as JSON


class Recipient(NamedTuple):
    """Somebody for whom there is no delivery."""

    email: str
    full_name: str
    message_id: str
    attributes: str | None = None
    pk: int | None = None  # of the delivery, when a mail is rebuilt


class RenderedMessage:
    """One recipient's mail, written when a connection takes it."""

    __slots__ = ("_composer", "_prepared", "breaks", "late_after", "recipient", "to")

    def __init__(self, composer: "Composer", recipient: Addressed) -> None:
        self._composer = composer
        self.recipient = recipient
        self.to = recipient.email
        self.breaks = 0
        self.late_after: float | None = None
        self._prepared: tuple[bool, bytes] | None = None

    def prepare(self, *, eight_bit: bool) -> None:
        """See OutgoingMessage.prepare."""
        if self._composer.heavy:
            return
        try:
            self._prepared = eight_bit, self._composer.write(self.recipient, eight_bit=eight_bit)
        except Exception:  # raised when the mail is asked for
            self._prepared = None

    def write(self, *, eight_bit: bool, utf8: bool) -> bytes:
        """See OutgoingMessage.write."""
        prepared, self._prepared = self._prepared, None
        if prepared and prepared[0] == eight_bit and not utf8:
            return prepared[1]
        try:
            return self._composer.write(self.recipient, eight_bit=eight_bit, utf8=utf8)
        except Exception as error:  # whatever one recipient's values cause, the others' mail goes on
            raise CannotWrite(str(error)) from error

    def as_django(self) -> EmailMultiAlternatives:
        """See OutgoingMessage.as_django."""
        try:
            return self._composer.as_django(self.recipient)
        except Exception as error:
            raise CannotWrite(str(error)) from error


@dataclass(kw_only=True)
class Composer:
    """Makes the mails of one attempt."""

    compiled: Compiled
    owner: User
    mailing_id: int | None = None  # none: a test
    key: str = ""  # identifies the attempt, so that its mails can be rebuilt
    from_address: str = ""  # at a domain that its owner has proved
    reply_to: str = ""  # where it is not its owner's address
    at: datetime | None = None  # when a rebuilt mail was sent
    attachments: tuple[File, ...] = ()
    _mime_templates: dict[bool, MimeTemplate] = field(default_factory=dict)
    _date: tuple[int, bytes] = (0, b"")

    def write(self, recipient: Addressed, *, eight_bit: bool, utf8: bool = False) -> bytes:
        """One recipient's mail with CRLF line ends; raises LiquidError, ValueError or CannotWrite.

        `eight_bit`: the server supports 8BITMIME, so that the text need not be encoded. `utf8`: it supports
        SMTPUTF8, and the address in the header needs that.
        """
        email = recipient.email
        to, needs_utf8 = (email, False) if email.isascii() else written(email)
        if needs_utf8 and not utf8:
            raise CannotWrite("the mail server takes no such address")
        token = self._tokens.make(email)
        link = self._link % token
        values = self._values(recipient, link)
        head = (
            mailbox(one_line(recipient.full_name), to),
            self._subject or unstructured(one_line(fill(self._subject_parts, values))),
            self._now(),
            recipient.message_id.encode("ascii"),
            self._ways_out % (link.encode(), token.encode())[: self._ways],
        )
        content, fits = self._mime_template(eight_bit).fill(values, head)
        return content if fits or not eight_bit else self._mime_template(False).fill(values, head)[0]

    def as_django(self, recipient: Addressed) -> EmailMultiAlternatives:
        """The same as a Django email (RFC 5322, RFC 8058), the slow and obvious way."""
        token = self._tokens.make(recipient.email)
        filled = self.fill(recipient)
        mail = EmailMultiAlternatives(
            subject=filled.subject,
            body=filled.text,
            from_email=_mailbox(*self._sender),
            to=[_mailbox(one_line(recipient.full_name), recipient.email)],
            reply_to=[_mailbox(*self._reply_to)],
            headers={
                "Message-ID": recipient.message_id,
                "List-Id": list_id(self.owner).decode().replace("\r\n", ""),
                "Feedback-ID": feedback_id(self.owner, self.mailing_id).decode(),
                "Precedence": "bulk",
                "Auto-Submitted": "auto-generated",
                **unsubscribe_links.headers(token),
            },
        )
        mail.attach_alternative(filled.html, "text/html")
        for file in self._files:
            mail.attach(as_mime(file))
        if self._files and not self.attachments:
            mail.mixed_subtype = "related"  # type: ignore[attr-defined]  # the stubs do not know it
        return mail

    def fill(self, recipient: Addressed) -> Preview:
        """One recipient's subject and parts; raises LiquidError if a filter cannot take their values."""
        token = self._tokens.make(recipient.email)
        return self.compiled.fill(self._values(recipient, unsubscribe_links.link(token)))

    @cached_property
    def heavy(self) -> bool:
        """Whether only few of its mails should be in memory at once."""
        return sum(len(file.data) for file in self._files) > HEAVY

    @cached_property
    def _files(self) -> tuple[File, ...]:
        return (*self.attachments, *pictures_inside(str(self.compiled.html)))

    def _values(self, recipient: Addressed, link: str) -> dict[str, str]:
        name = recipient.full_name
        values = values_for(
            full_name=name.replace("\r\n", "\n").replace("\r", "\n") if "\r" in name else name,
            email=recipient.email,
            sender_name=self._sender_name,
            unsubscribe_url=link,
            view_url=self._view_link(recipient) if self._has_view_link else "",
        )
        if self._has_attributes:
            values |= self._attributes.of(recipient.attributes)
        return values

    def _view_link(self, recipient: Addressed) -> str:
        if recipient.pk is None:
            return view_links.link(view_links.OF_A_TEST)
        token = view_links.token_for(pk=recipient.pk, message_id=recipient.message_id)
        return self._view % token

    def _now(self) -> bytes:
        if self.at:
            return headers.date(self.at)
        second = int(time())
        if self._date[0] != second:
            self._date = second, headers.date(timezone.now())
        return self._date[1]

    @cached_property
    def _attributes(self) -> AttributeValues:
        names = self.compiled.names
        kinds = kinds_of(self.owner) if names - set(MERGE_FIELDS) else {}
        return AttributeValues(names, kinds, language=self.compiled.language)

    @cached_property
    def _has_attributes(self) -> bool:
        return bool(self._attributes)

    @cached_property
    def _tokens(self) -> unsubscribe_links.Tokens:
        return unsubscribe_links.Tokens(self.owner.pk, mailing_id=self.mailing_id)

    @cached_property
    def _has_view_link(self) -> bool:
        return "view_url" in self.compiled.names

    @cached_property
    def _view(self) -> str:
        mark = secrets.token_hex(8)
        return view_links.link(mark).replace("%", "%%").replace(mark, "%s")

    @cached_property
    def _sender(self) -> tuple[str, str]:
        return sender_of(self.owner, self.from_address)

    @property
    def _reply_to(self) -> tuple[str, str]:
        return one_line(self.owner.name), self.reply_to or self.owner.email

    @cached_property
    def _sender_name(self) -> str:
        return self.owner.get_short_name()

    @cached_property
    def _link(self) -> str:
        mark = secrets.token_hex(8)
        return unsubscribe_links.link(mark).replace("%", "%%").replace(mark, "%s")

    @cached_property
    def _ways_out(self) -> bytes:
        """The List-Unsubscribe field with slots for the link and, if people may mail it, the token."""
        mark = secrets.token_hex(8)
        field = unsubscribe_links.headers(mark)["List-Unsubscribe"].encode().replace(b"%", b"%%")
        field = field.replace(b"<" + unsubscribe_links.link(mark).encode() + b">", b"<%b>")
        return field.replace(mark.encode(), b"%b").replace(b", ", b",\r\n ")

    @cached_property
    def _ways(self) -> int:
        return self._ways_out.count(b"%b")

    @cached_property
    def _subject_parts(self) -> list[Any]:
        return segments(self.compiled.subject)

    @cached_property
    def _subject(self) -> bytes | None:
        """The subject, if it is the same for everybody."""
        parts = self._subject_parts
        return unstructured(one_line("".join(parts))) if all(isinstance(p, str) for p in parts) else None

    def _mime_template(self, eight_bit: bool) -> MimeTemplate:
        if eight_bit not in self._mime_templates:
            self._mime_templates[eight_bit] = self._build(eight_bit)
        return self._mime_templates[eight_bit]

    def _boundary(self, eight_bit: bool) -> bytes:
        """A line that no content can contain, because nobody else can know it; the same for all of an
        attempt.
        """
        if not self.key:
            return secrets.token_hex(16).encode()
        return salted_hmac("mailer.boundary", f"{self.key}/{eight_bit}").hexdigest()[:32].encode()

    def _build(self, eight_bit: bool) -> MimeTemplate:
        if eight_bit:
            mime = MimeTemplate(encode=plain, soft_break=b"")
        else:
            mime = MimeTemplate(encode=quoted_printable, soft_break=b"=\r\n")
        boundary = self._boundary(eight_bit)
        for name, what in (
            ("From", self._sender),
            ("Reply-To", self._reply_to),
        ):
            mime.add(b"%s: %s\r\n" % (name.encode(), mailbox(what[0], written(what[1])[0])))
        mime.add(b"List-Id: %b\r\n" % list_id(self.owner))
        mime.add(b"Feedback-ID: %b\r\n" % feedback_id(self.owner, self.mailing_id))
        for header in (b"To", b"Subject", b"Date", b"Message-ID", b"List-Unsubscribe"):
            mime.add(header + b": ")
            mime.add_head_slot()
            mime.add(b"\r\n")
        before, after = wrapped(boundary, self._files)
        mime.add(_FIXED + before)
        cte = b"8bit" if eight_bit else b"quoted-printable"
        for kind, template in ((b"plain", self.compiled.text), (b"html", self.compiled.html)):
            mime.add(_PART % {b"boundary": boundary, b"kind": kind, b"cte": cte})
            mime.add_body(settled(segments(template), {"sender_name": self._sender_name}))
            mime.add(b"\r\n")
        mime.add(b"--%s--\r\n" % boundary)
        mime.close(tail=after)
        return mime


def sender_of(owner: User, from_address: str = "") -> tuple[str, str]:
    """Name and address in From: an own address, or the service's with the owner's name before it."""
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    site = name or settings.SITE_NAME
    own = one_line(owner.name)
    if from_address:
        return own, from_address
    return f"{own} via {site}" if own else site, address


def sender_shown(owner: User, from_address: str = "") -> str:
    """The From as recipients will read it."""
    return "{} <{}>".format(*sender_of(owner, from_address))


def _mailbox(name: str, email: str) -> str:
    address = written(email)[0]
    return formataddr((headers.shortened(name, address), address))


_FIXED = (
    b"Precedence: bulk\r\nAuto-Submitted: auto-generated\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
)
_PART = (
    b'--%(boundary)s\r\nContent-Type: text/%(kind)s; charset="utf-8"\r\nMIME-Version: 1.0\r\n'
    b"Content-Transfer-Encoding: %(cte)s\r\n\r\n"
)
