"""An installation of the service for one measurement: its settings, its consumers, its database."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(kw_only=True)
class Service:
    database: str  # a URL; empty: SQLite in a directory of its own
    redis: str = ""
    mail_port: int
    settings: dict[str, str] = field(default_factory=dict)
    consumers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.var = tempfile.mkdtemp(prefix="bench-")
        self.env = {
            **os.environ,
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "bench",
            "DEBUG": "False",
            "SITE_URL": "https://mail.example.com",
            "VAR_DIR": self.var,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "DEFAULT_FROM_EMAIL": "news@example.com",
            "DATABASE_URL": self.database or f"sqlite:///{self.var}/db.sqlite3",
            "REDIS_URL": self.redis,
            "QUEUE_NAME": f"bench{os.getpid()}",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "ERROR"),
            "GUARD": "off",
            **self.settings,
        }

    def inside(self, *words: str) -> dict[str, Any]:
        """Run one command of bench.inside."""
        return self.run("bench.inside", *words)

    def run(self, module: str, *words: str) -> dict[str, Any]:
        """Run a module with this service's settings and return the JSON it prints last."""
        command = [sys.executable, "-m", module, *words]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def migrate(self) -> None:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self.env, check=True, timeout=300
        )

    def start_consumer(self, **env: str) -> "subprocess.Popen[bytes]":
        """One more; `env`: what is different in its environment."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_huey"],
            cwd=ROOT, env={**self.env, **env}, stdout=subprocess.DEVNULL, stderr=self._log(),
        )  # fmt: skip
        self.consumers.append(process)
        return process

    def kill_consumer(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()
        self.consumers.remove(process)

    def stop(self) -> None:
        for process in self.consumers:
            process.send_signal(signal.SIGTERM)
        for process in self.consumers:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
        self.consumers = []

    def peak_memory(self) -> int:
        """The most memory a consumer has had, in KiB."""
        peaks = [0]
        for process in self.consumers:
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peaks.append(int(line.split()[1]))
        return max(peaks)

    def _log(self) -> Any:
        return (Path(self.var) / "consumer.log").open("ab")


def settle(seconds: float = 4) -> None:
    """Give newly started processes the time to be ready."""
    time.sleep(seconds)
