"""Addresses as SMTP writes them (RFC 5321 section 4.1.2, RFC 5890, RFC 6531)."""

import re

from mailer.transport.base import CannotWrite

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


def path(address: str) -> tuple[bytes, bool]:
    """The address for RCPT, and whether it needs SMTPUTF8; CannotWrite if nobody can write it."""
    if address.isascii():
        if _UNSAFE.search(address) or "@" not in address:
            raise CannotWrite("the address holds a character that no address may have")
        return address.encode("ascii"), False
    address, utf8 = written(address)
    return address.encode(), utf8


def written(address: str) -> tuple[str, bool]:
    """The address with its domain in IDNA unless the local part needs SMTPUTF8 anyway, and whether so."""
    local, _, domain = address.rpartition("@")
    if not local or not domain or _UNSAFE.search(address):
        raise CannotWrite("the address holds a character that no address may have")
    if not local.isascii():
        return address, True
    try:
        return f"{local}@{domain.encode('idna').decode()}", False
    except UnicodeError as error:
        raise CannotWrite("the domain of the address is not one") from error
