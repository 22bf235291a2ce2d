"""The real stack on free ports: web, consumer and mail catcher, as `make run` starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stack:
    folder: Path
    web_port: int = field(default_factory=free_port)
    mail_port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    made: dict[str, dict[str, str]] = field(default_factory=dict)  # by language: what tour_data.py made

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ENV_FILE": os.devnull,
            "DEBUG": "True",
            "VAR_DIR": str(self.folder),
            "SITE_URL": self.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "DNS_SERVERS": "none",
            "DATABASE_URL": f"sqlite:///{self.folder}/db.sqlite3",
            "REDIS_URL": "",
            "PYTHONWARNINGS": "",
            **self.settings,
        }

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def tour_data(self, language: str, email: str) -> dict[str, str]:
        """The parts of addresses that e2e/tour.py names; what the demo data lack is made the first time."""
        if language in self.made:
            return self.made[language]
        said = self.inside(
            f"from e2e.tour_data import print_addresses; print_addresses({language!r}, {email!r})"
        )
        self.made[language] = json.loads(said.splitlines()[-1])
        return self.made[language]

    def inside(self, code: str) -> str:
        """What these lines print when they run inside Django."""
        command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", code]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def wait_until_up(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                with urlopen(f"{self.url}/healthz"), socket.create_connection(("127.0.0.1", self.mail_port)):
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        logs = "\n".join(path.read_text() for path in self.folder.glob("*.log"))
        raise AssertionError(f"The stack did not start:\n{logs}")


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    stack = Stack(folder)
    stack.manage("migrate", "--verbosity", "0")
    stack.manage("load_demo")
    processes = [
        stack.start("web", "manage.py", "runserver", "--noreload", f"127.0.0.1:{stack.web_port}"),
        stack.start("consumer", "manage.py", "run_huey"),
        stack.start(
            "mail", "-m", "aiosmtpd", "--nosetuid", "--listen", f"127.0.0.1:{stack.mail_port}",
            "--class", "aiosmtpd.handlers.Mailbox", str(folder / "mail"),
        ),
    ]  # fmt: skip
    try:
        stack.wait_until_up()
        yield stack
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(timeout=30)


@contextmanager
def web_beside(stack: Stack, **settings: str) -> Iterator[str]:
    """Another web process over the same data, with other settings; its address."""
    beside = Stack(stack.folder, mail_port=stack.mail_port, settings=settings)
    web = beside.start("web-beside", "manage.py", "runserver", "--noreload", f"127.0.0.1:{beside.web_port}")
    try:
        beside.wait_until_up()
        yield beside.url
    finally:
        web.terminate()
        web.wait(timeout=30)
