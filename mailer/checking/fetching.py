"""Whether an address works, asked so that nobody can make the service talk to what only it can reach.

The name is resolved once and the connection goes to that very address, so that DNS cannot give one answer to
the check and another to the connection. Each redirect is checked like the first address.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from contextlib import closing, suppress
from threading import Timer
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import idna
from django.conf import settings

from site_config.dns import DnsAway, addresses

SECONDS = 6.0  # for one request, however slow the response
REDIRECTS = 5
PORTS = {"http": 80, "https": 443}
# Servers that know no HEAD, or answer it differently, are asked once more.
_WELL = range(200, 400)
_MOVED = (301, 302, 303, 307, 308)
_WRAPS_IPV4 = [ipaddress.ip_network(net) for net in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")]


class Verdict(NamedTuple):
    """`code` says what came of it: ok, status, private, nowhere, dns, tls, away, loop, odd."""

    code: str
    detail: str = ""  # the status


Allowed = Callable[[str, int], bool]


def is_public(address: str, port: int) -> bool:
    """Whether anybody could ask this address and port, so that the service reveals nothing of its own."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped), port)
        if any(ip in net for net in _WRAPS_IPV4):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and port in PORTS.values()


def fetch(url: str, *, allowed: Allowed = is_public) -> Verdict:
    """Request an address by HEAD, then by GET, and follow its redirects."""
    for _ in range(REDIRECTS + 1):
        verdict, onward = _ask(url, allowed)
        if not onward:
            return verdict
        url = urljoin(url, onward)
    return Verdict("loop")


def _ask(url: str, allowed: Allowed) -> tuple[Verdict, str]:
    """What one address answers, and where it leads on to."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
        host = host if host.isascii() else idna.encode(host, uts46=True).decode()
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        return Verdict("odd"), ""
    if not host or parts.username is not None:
        return Verdict("odd"), ""
    try:
        found = addresses(host)
    except DnsAway:
        return Verdict("dns"), ""
    if not found:
        return Verdict("nowhere"), ""
    if not all(allowed(address, port) for address in found):
        return Verdict("private"), ""
    return _request(parts, host, (found[0], port))


def _request(parts: SplitResult, host: str, place: tuple[str, int]) -> tuple[Verdict, str]:
    verdict, onward = Verdict("away"), ""
    for method in ("HEAD", "GET"):
        try:
            status, onward = _said(method, parts, host, place)
        except ssl.SSLError:
            return Verdict("tls"), ""
        except (OSError, http.client.HTTPException, ValueError):
            verdict, onward = Verdict("away"), ""
            continue
        if status in _WELL:
            return Verdict("ok"), onward if status in _MOVED else ""
        verdict = Verdict("status", str(status))
    return verdict, ""


def _said(method: str, parts: SplitResult, host: str, place: tuple[str, int]) -> tuple[int, str]:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing(_Connection(host, place, tls=parts.scheme == "https")) as connection:
        connection.connect()
        guard = Timer(SECONDS, connection.cut)
        guard.daemon = True
        guard.start()
        try:
            connection.request(method, _quoted(path), headers={"User-Agent": _agent(), "Accept": "*/*"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location") or ""
        finally:
            guard.cancel()


def _quoted(path: str) -> str:
    """As a browser would send it: blanks and non-ASCII characters percent-encoded."""
    return "".join(c if "!" <= c <= "~" else "".join(f"%{octet:02X}" for octet in c.encode()) for c in path)


def _agent() -> str:
    return f"Mozilla/5.0 (compatible; link check; +{settings.SITE_URL})"


class _Connection(http.client.HTTPConnection):
    """To an address that was checked, whatever the host name resolves to now."""

    def __init__(self, host: str, place: tuple[str, int], *, tls: bool) -> None:
        super().__init__(host, place[1], timeout=SECONDS)
        self._place, self._tls = place, tls
        self.default_port = 443 if tls else 80

    def connect(self) -> None:
        self.sock = socket.create_connection(self._place, SECONDS)
        if self._tls:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    def cut(self) -> None:
        """Stop any reading: a server may send one octet every few seconds for hours."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
