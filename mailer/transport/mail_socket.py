"""A non-blocking connection, with or without TLS."""

import os
import socket
import ssl
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from time import monotonic

from mailer.transport.handshake import Account

CHUNK = 65536
RECORD = 16384  # octets: under TLS, one write is one record (RFC 8446 section 5.1), sent whole or not at all
Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
_failed_at: dict[Address, float] = {}  # when an address could not be used


class MailSocket:
    """Opens, reads and writes without ever waiting; raises OSError (which includes ssl.SSLError)."""

    def __init__(self, address: Address) -> None:
        family, self._to = address
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.connected = self.secured = False
        self._shaking = False
        self.wants_to_write = True  # while it connects
        self.socket.connect_ex(self._to)

    @property
    def ready(self) -> bool:
        """Whether SMTP can be spoken now."""
        return self.connected and not self._shaking

    @property
    def loopback(self) -> bool:
        return ip_address(str(self._to[0]).partition("%")[0]).is_loopback

    def go_on(self) -> None:
        """Continue connecting or the TLS handshake."""
        if not self.connected:
            if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error))
            self.socket.getpeername()  # raises while there is no peer
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connected = True
            self.wants_to_write = False
        elif self._shaking and isinstance(self.socket, ssl.SSLSocket):
            try:
                self.socket.do_handshake()
            except ssl.SSLWantReadError:
                self.wants_to_write = False
                return
            except ssl.SSLWantWriteError:
                self.wants_to_write = True
                return
            self._check_fingerprint(self.socket)
            self._shaking, self.secured, self.wants_to_write = False, True, False

    def _check_fingerprint(self, secured: ssl.SSLSocket) -> None:
        shown = sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
        if self._fingerprint and not compare_digest(shown, self._fingerprint):
            raise ssl.SSLError(f"the certificate has the fingerprint {shown}, and not the configured one")

    def secure(self, account: Account) -> None:
        """Begin the TLS handshake; the server's certificate must match the host name.

        Or it must have the configured fingerprint, whoever signed it.
        """
        context = ssl.create_default_context()
        if account.ca_file:
            context.load_verify_locations(account.ca_file)
        if account.fingerprint:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._fingerprint = account.fingerprint
        if account.certfile:
            context.load_cert_chain(account.certfile, account.keyfile)
        self.socket = context.wrap_socket(
            self.socket, server_hostname=account.host, do_handshake_on_connect=False
        )
        self._shaking = self.wants_to_write = True

    def read(self) -> bytes | None:
        """What has arrived; None if nothing has, b"" at the end."""
        try:
            data = self.socket.recv(CHUNK)
            while self.secured and (more := self.socket.pending()):  # type: ignore[attr-defined]
                data += self.socket.recv(more)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except ssl.SSLEOFError:
            return b""
        return data

    def may_take(self, data: bytearray) -> int:
        """How many octets of data the next `write` under TLS may send, whatever it returns.

        A write that returns 0 or raises may still have sent a record.
        """
        return min(len(data), RECORD)

    def write(self, data: bytearray) -> int:
        """Hand over what fits now; return how much that was."""
        try:
            if self.secured:
                with memoryview(data) as view:
                    return self.socket.send(view[:RECORD])
            return self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def close(self) -> None:
        self.socket.close()


def resolve(account: Account) -> list[Address]:
    """The addresses of the server, those that failed last at the end; OSError if the name is unknown."""
    found = socket.getaddrinfo(account.host, account.port, type=socket.SOCK_STREAM)
    addresses = [(family, address) for family, _, _, _, address in found]
    return sorted(addresses, key=lambda address: _failed_at.get(address, 0.0))


def note_failed(address: Address) -> None:
    """Try other addresses of the same name first from now on."""
    _failed_at[address] = monotonic()
