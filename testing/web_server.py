"""A web server on loopback that answers as a test says, and remembers its requests."""

import socket
from collections.abc import Callable
from threading import Thread
from time import sleep
from typing import Self

Answer = Callable[[str, str], bytes]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def status(code: int, **fields: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {code} x\r\nContent-Length: 0\r\n{lines}\r\n".encode()


class WebServer:
    """`answer` is given a method and a path; `drip` is the pause between the octets of its answers."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.answer: Answer = lambda _method, _path: OK
        self.asked: list[tuple[str, str]] = []
        self.hosts: list[str] = []
        self.heads: list[str] = []
        self.connections = 0
        self.drip = 0.0
        self._socket = socket.create_server((host, port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}/"

    def is_at(self, address: str, port: int) -> bool:
        return (address, port) == self._socket.getsockname()

    def __enter__(self) -> Self:
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                head = connection.recv(65_536).decode("latin-1")
                if not head:
                    return
                method, path, _ = head.split(" ", 2)
                self.asked.append((method, path))
                self.heads.append(head)
                self.hosts += [line[6:] for line in head.split("\r\n") if line.startswith("Host: ")]
                for octet in [self.answer(method, path)] if not self.drip else self.answer(method, path):
                    connection.sendall(octet if isinstance(octet, bytes) else bytes([octet]))
                    sleep(self.drip)
            except (OSError, ValueError):
                return
