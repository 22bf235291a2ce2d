"""Questions to the DNS, with short limits: for work in the background, never while a page is waited for."""

import ipaddress
from typing import Any

import dns.exception
import dns.nameserver
import dns.resolver
from django.conf import settings

SECONDS = 4.0  # for one question, whatever the servers do
ANSWERS = 20  # records of one name that are looked at


class DnsAway(Exception):
    """No server gave an answer, not even that there is no such name."""


def text_records(name: str) -> list[str]:
    """The TXT records of a name, each in one piece; none if there is no such name."""
    return [b"".join(record.strings).decode("utf-8", "replace") for record in _ask(name, "TXT")]


def addresses(host: str) -> list[str]:
    """The IP addresses of a host, IPv4 first; a literal address is its own."""
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        return [str(record.address) for kind in ("A", "AAAA") for record in _ask(host, kind)]


def exists(domain: str) -> bool:
    """Whether there is such a name, with records or names below it (RFC 8020)."""
    try:
        _resolver().resolve(domain.rstrip(".") + ".", "A", lifetime=SECONDS, raise_on_no_answer=False)
    except (dns.resolver.NXDOMAIN, dns.exception.SyntaxError, UnicodeError):
        return False
    except dns.exception.DNSException as error:
        raise DnsAway(str(error)) from error
    return True


def _ask(name: str, kind: str) -> list[Any]:
    try:
        # With a dot at the end, so that the search list of this machine does not come into it.
        answer = _resolver().resolve(name.rstrip(".") + ".", kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.exception.SyntaxError, UnicodeError):
        return []
    except dns.exception.DNSException as error:
        raise DnsAway(str(error)) from error
    return list(answer)[:ANSWERS]


def _resolver() -> dns.resolver.Resolver:
    if settings.DNS_SERVERS == []:
        raise DnsAway("DNS_SERVERS is none")
    if settings.DNS_SERVERS is None:
        try:
            return dns.resolver.Resolver()
        except dns.exception.DNSException as error:  # this machine has no /etc/resolv.conf
            raise DnsAway(str(error)) from error
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in settings.DNS_SERVERS]
    return resolver
