"""A PostgreSQL, a Redis and a PgBouncer of a drill's own, which it may stop, fill and starve."""

import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import psycopg
import redis

from bench.servers.unpack import FOLDER, libraries

START_SECONDS = 20
POLL_SECONDS = 0.05
SOMEBODY = "postgres"  # PostgreSQL and PgBouncer do not run as root
AS_SOMEBODY: dict[str, Any] = {} if os.geteuid() else {"user": SOMEBODY, "group": SOMEBODY}


class Backing(ABC):
    """Runs as long as the block, in a folder and on a port of its own."""

    ends_by = signal.SIGTERM

    def __init__(self, port: int) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="mailings-backing-"))
        if AS_SOMEBODY:
            shutil.chown(self.folder, SOMEBODY, SOMEBODY)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._command(), cwd=self.folder, env=self._environment(), stdout=output, stderr=output,
                **AS_SOMEBODY,
            )  # fmt: skip
        end = monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or monotonic() > end:
                said = (self.folder / "output").read_text(errors="replace")
                raise RuntimeError(f"{self._command()[0]} does not start: {said[-2000:]}")
            sleep(POLL_SECONDS)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(self.ends_by)
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def _prepare(self) -> None:  # noqa: B027  (some have nothing)
        """What is to be done once, before it starts."""

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)


class PostgreSql(Backing):
    ends_by = signal.SIGINT  # at once: sessions are ended, and no new ones taken

    def url(self, *, role: str = SOMEBODY, port: int = 0) -> str:
        return f"postgres://{role}@127.0.0.1:{port or self.port}/postgres"

    def say(self, *statements: str) -> None:
        """Have the superuser say this, each by itself."""
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def signal_all(self, number: int) -> None:
        """Send a signal to each of its processes."""
        assert self._process is not None
        first = self._process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _prepare(self) -> None:
        words = ["-D", str(self.folder / "data"), "-U", SOMEBODY, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [_program("initdb"), *words, "--locale", "C.UTF-8"],
            cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **AS_SOMEBODY,
        )  # fmt: skip

    def _command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 40,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [_program("postgres"), "-D", str(self.folder / "data"), *words]

    def _answers(self) -> bool:
        try:
            self.say("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


class Redis(Backing):
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def fill(self) -> None:
        """Leave it no room: what takes memory is refused until `empty`."""
        client = self._client()
        client.set("rubbish", b"x" * (1 << 21))
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "2mb")

    def empty(self) -> None:
        """Take out again what `fill` has put in."""
        self._client().delete("rubbish")

    def _client(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def _command(self) -> list[str]:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        return [_program("redis-server"), *words]

    def _answers(self) -> bool:
        try:
            return bool(self._client().ping())
        except redis.ConnectionError:
            return False


class PgBouncer(Backing):
    """In session mode, with so many connections of the server's for all together."""

    def __init__(self, port: int, *, server: PostgreSql, pool: int) -> None:
        super().__init__(port)
        self._server, self._pool = server, pool

    def _prepare(self) -> None:
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self._server.port} user={SOMEBODY}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = session\ndefault_pool_size = {self._pool}\nmax_client_conn = 100\n"
        )

    def _command(self) -> list[str]:
        return [_program("pgbouncer"), str(self.folder / "pgbouncer.ini")]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": libraries("pgbouncer")}

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._server.url(port=self.port), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def missing(*programs: str) -> str:
    """The first of these that is not installed."""
    return next((name for name in programs if not _where(name)), "")


def _program(name: str) -> str:
    found = _where(name)
    if not found:
        raise RuntimeError(f"{name} is not installed.")
    return found


def _where(name: str) -> str | None:
    """Debian keeps PostgreSQL's own programs out of PATH, and PgBouncer may only be unpacked."""
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    unpacked = [str(FOLDER / "pgbouncer" / "usr" / "sbin")]
    return shutil.which(name, path=":".join([*folders, *unpacked, "/usr/sbin", "/usr/bin", "/usr/local/bin"]))
