"""What runs beside the real servers: a greylist, and silent servers."""

import socket
import socketserver
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from bench.servers import Postfix

ANSWER = "DEFER_IF_PERMIT Greylisted, see http://postgrey.schweikert.ch/help/example.org.html"


class Greylist(socketserver.ThreadingTCPServer):
    """Speaks Postfix's policy protocol and answers as postgrey does: a recipient is let through later."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, delay: float) -> None:
        super().__init__(("127.0.0.1", 0), _Policy)
        self._delay = delay
        self._first: dict[str, float] = {}

    def answer(self, recipient: str) -> str:
        first = self._first.setdefault(recipient, monotonic())
        return "DUNNO" if monotonic() - first >= self._delay else ANSWER


class _Policy(socketserver.StreamRequestHandler):
    server: Greylist

    def handle(self) -> None:
        asked: dict[str, str] = {}
        for line in self.rfile:
            name, _, value = line.decode().rstrip("\n").partition("=")
            if name:
                asked[name] = value
                continue
            self.wfile.write(f"action={self.server.answer(asked.get('recipient', ''))}\n\n".encode())
            asked = {}


@contextmanager
def greylisting(delay: float, port: int) -> Iterator[Postfix]:
    with Greylist(delay) as greylist:
        threading.Thread(target=greylist.serve_forever, daemon=True).start()
        service = f"inet:127.0.0.1:{greylist.server_address[1]}"
        with Postfix(f"smtpd_recipient_restrictions = check_policy_service {service}", port=port) as postfix:
            yield postfix
        greylist.shutdown()


class Silent:
    """Accepts connections and says nothing; or does not even accept them, like a firewall that drops."""

    def __init__(self, *, drops: bool, port: int = 0, host: str = "127.0.0.1") -> None:
        self.host = host
        self._listener = socket.create_server((host, port), backlog=0 if drops else 64)
        self.port: int = self._listener.getsockname()[1]
        self._filling = [socket.socket() for _ in range(4 if drops else 0)]
        self.taken: Counter[str] = Counter()

    def __enter__(self) -> "Silent":
        for each in self._filling:
            each.setblocking(False)
            each.connect_ex((self.host, self.port))
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._filling, self._listener):
            each.close()


def certificate(folder: Path) -> tuple[str, str]:
    """A self-signed certificate for localhost, and its key."""
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    Path(key).chmod(0o644)
    return cert, key
