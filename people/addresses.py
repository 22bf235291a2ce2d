"""One spelling for each address."""

from contextlib import suppress


def normal(email: str) -> str:
    """The address with its domain in lower case, and in letters where it was in IDNA (RFC 5890).

    The part before the @ may depend on case, the domain never does (RFC 5321 section 2.4).
    """
    local, at, written = email.rpartition("@")
    domain = written.lower()
    with suppress(UnicodeError):  # no name that IDNA knows: it stays as it was written
        domain = domain.encode("ascii").decode("idna") if "xn--" in domain else domain
    return f"{local}{at}{domain}"
