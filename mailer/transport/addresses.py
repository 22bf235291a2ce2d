"""Addresses as SMTP writes them (RFC 5321 section 4.1.2, RFC 5890, RFC 6531).

The last line of defence, whatever was stored or merged in: each address leaves as one argument of one command
and as one address in one header field.
"""

import re

from django.core.exceptions import ValidationError

from mailer.transport.base import CannotWrite
from people.addresses import parse

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-"
_PLAIN = re.compile(rf"[{_ATEXT}]+@[A-Za-z0-9._-]+")
_UTF8 = re.compile(rf"[{_ATEXT}\u00a1-\U0010ffff]+@[A-Za-z0-9._\u00b7-\U0010ffff-]+")
_REFUSED = "the address holds a character that no address may have"


def path(address: str) -> tuple[bytes, bool]:
    """The address for RCPT, and whether it needs SMTPUTF8; raises CannotWrite if it cannot be written."""
    if address.isascii() and _PLAIN.fullmatch(address):  # most addresses; checked for every mail
        return address.encode("ascii"), False
    address, utf8 = written(address)
    return address.encode(), utf8


def written(address: str) -> tuple[str, bool]:
    """The address, and whether it needs SMTPUTF8; the domain is in ASCII unless it does.

    Raises CannotWrite for whatever could be read as anything but this one address.
    """
    if address.isascii():
        if not _PLAIN.fullmatch(address):
            raise CannotWrite(_REFUSED)
        return address, False
    try:
        parsed = parse(address)
    except ValidationError as error:
        raise CannotWrite(f"the address is not one: {' '.join(error.messages)}") from error
    utf8 = not parsed.local.isascii()
    address = str(parsed) if utf8 else parsed.on_the_wire
    if not (_UTF8 if utf8 else _PLAIN).fullmatch(address):
        raise CannotWrite(_REFUSED)
    return address, utf8
