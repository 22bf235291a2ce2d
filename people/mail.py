"""One email to one address, over Django's mail backend."""

import logging
from collections.abc import Callable
from email import message_from_bytes, policy
from email.utils import parseaddr
from typing import TYPE_CHECKING, cast

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend

from people.addresses import Address, parse
from site_config.dkim import signing

if TYPE_CHECKING:
    import smtplib

log = logging.getLogger(__name__)

Sign = Callable[[bytes], bytes]
# In seven bits, because a server that re-encodes the text would break a signature (RFC 6376 section 5.3).
_POLICY = {False: policy.SMTP.clone(cte_type="7bit"), True: policy.SMTPUTF8.clone(cte_type="7bit")}


def send(mail: EmailMultiAlternatives, *, to: str) -> bool:
    """Send an email to an address, encoded by IDNA 2008; Django itself knows only IDNA 2003.

    Returns False, with a line in the log, if such an address cannot be mailed at all. Raises what the backend
    raises.
    """
    try:
        address = parse(to)
    except ValidationError as error:
        log.warning("an email was not sent, for its address is none: %s", " ".join(error.messages))
        return False
    mail.to = [address.on_the_wire]
    connection = get_connection()
    sign = signing(mail.from_email)
    if not isinstance(connection, EmailBackend) or (address.local.isascii() and not sign):
        return bool(connection.send_messages([mail]))
    return _send(mail, connection, address, sign)


def _send(mail: EmailMultiAlternatives, connection: EmailBackend, to: Address, sign: Sign | None) -> bool:
    """Signed, or with SMTPUTF8 (RFC 6531): Django's backend does neither."""
    utf8 = not to.local.isascii()
    connection.open()
    try:
        smtp = cast("smtplib.SMTP", connection.connection)
        smtp.ehlo_or_helo_if_needed()
        if utf8 and not smtp.has_extn("smtputf8"):
            log.warning(
                "an email was not sent, for the mail server takes no address such as %s", ascii(str(to))
            )
            return False
        message = message_from_bytes(mail.message().as_bytes(), policy=_POLICY[utf8])
        if utf8:
            message.replace_header("To", str(to))
        content = sign(message.as_bytes()) if sign else message.as_bytes()
        options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
        recipient = str(to) if utf8 else to.on_the_wire
        smtp.sendmail(parseaddr(mail.from_email)[1], [recipient], content, mail_options=options)
    finally:
        connection.close()
    return True
