"""One email to one address, over Django's mail back end."""

import logging
from email import message_from_bytes, policy
from email.utils import parseaddr
from typing import TYPE_CHECKING, cast

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend

from people.addresses import parse

if TYPE_CHECKING:
    import smtplib

log = logging.getLogger(__name__)


def send(mail: EmailMultiAlternatives, *, to: str) -> bool:
    """Send an email to the mailbox of an address as IDNA 2008 has it; Django itself knows only IDNA 2003.

    False, with a line in the log, if it cannot be sent to such an address at all. Raises what the back
    end raises.
    """
    try:
        address = parse(to)
    except ValidationError as error:
        log.warning("an email was not sent, for its address is none: %s", " ".join(error.messages))
        return False
    mail.to = [address.on_the_wire]
    connection = get_connection()
    if address.local.isascii() or not isinstance(connection, EmailBackend):
        return bool(connection.send_messages([mail]))
    return _send_utf8(mail, connection, str(address))


def _send_utf8(mail: EmailMultiAlternatives, connection: EmailBackend, to: str) -> bool:
    """With SMTPUTF8 (RFC 6531), which Django's back end does not speak."""
    connection.open()
    try:
        smtp = cast("smtplib.SMTP", connection.connection)
        smtp.ehlo_or_helo_if_needed()
        if not smtp.has_extn("smtputf8"):
            log.warning("an email was not sent, for the mail server takes no address such as %s", ascii(to))
            return False
        message = message_from_bytes(mail.message().as_bytes(), policy=policy.SMTPUTF8)
        message.replace_header("To", to)
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        smtp.sendmail(parseaddr(mail.from_email)[1], [to], message.as_bytes(), mail_options=options)
    finally:
        connection.close()
    return True
