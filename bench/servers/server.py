"""What the real servers have in common: a folder, a free port, a start that is waited for and a log."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

START_SECONDS = 20
POLL_SECONDS = 0.05


class RealServer(ABC):
    """A mail server that runs as long as the block; on any free port unless one is given."""

    def __init__(self, *, port: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailings-server-"))
        self.folder.chmod(0o755)  # the server changes to a user of its own
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the server before it had this port
            probe.bind(("127.0.0.1", port))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._prepare()
            with (self.folder / "output").open("wb") as output:
                self._process = subprocess.Popen(
                    self._command(),
                    env=self._environment(),
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            self._wait_until_it_listens()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    @abstractmethod
    def log(self) -> str:
        """Everything it has logged."""

    @property
    @abstractmethod
    def taken(self) -> Counter[str]:
        """How many mails it has accepted for whom, by its log."""

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _environment(self) -> dict[str, str]: ...

    def _wait_until_it_listens(self) -> None:
        end = monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError as error:
                said = (self.folder / "output").read_text(errors="replace")
                if self._process is None or self._process.poll() is not None or monotonic() > end:
                    raise RuntimeError(f"The server does not start: {said}\n{self.log}") from error
                sleep(POLL_SECONDS)
            else:
                return

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            with suppress(ProcessLookupError):  # those that still talk to somebody
                os.killpg(self._process.pid, signal.SIGKILL)
        self._clean_up()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _clean_up(self) -> None:  # noqa: B027  (most have nothing)
        """What has to be undone before the folder is deleted."""
