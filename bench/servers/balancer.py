"""One port in front of several servers: each connection goes to the next of them."""

import itertools
import socket
import socketserver
import threading
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Self

from bench.servers.server import RealServer

PIECE = 65536


class Balancer(socketserver.ThreadingTCPServer):
    """Serves as long as the block; the servers behind it must be running."""

    daemon_threads = allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *servers: RealServer, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Forwarding)
        self.port: int = self.server_address[1]
        self.servers = servers
        self._turns = itertools.cycle(servers)

    @property
    def taken(self) -> Counter[str]:
        return sum((server.taken for server in self.servers), Counter[str]())

    def next_port(self) -> int:
        return next(self._turns).port

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.shutdown()
        self.server_close()


class _Forwarding(socketserver.BaseRequestHandler):
    server: Balancer
    request: socket.socket

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.next_port())) as there:
            back = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            back.start()
            _pump(self.request, there)
            back.join()


def _pump(source: socket.socket, to: socket.socket) -> None:
    """Pass on what comes until one side closes, and then close that way of the other."""
    with suppress(OSError):
        while data := source.recv(PIECE):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
