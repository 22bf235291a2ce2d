"""One attempt under fire, and the verdict on it."""

import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.service import ROOT, Service, settle

WINDOW = 100
SCHEMES = {"": "smtp", "starttls": "smtp+tls", "implicit": "smtp+ssl"}


@dataclass(kw_only=True)
class Plan:
    fault: str
    database: str = ""
    redis: str = ""
    recipients: int = 20_000
    consumers: int = 2
    kills: int = 50
    delay: float = 0.1
    pause: float = 3.0
    chunking: bool = False
    port: int = 0
    before: str = ""
    answer: str = ""
    tls: str = ""
    size: int = 0
    buffer: int = 0
    pooler: str = ""
    cut_for: float = 10


@dataclass
class Drill:
    plan: Plan
    killed: int = 0
    allowance: int = 0  # mails that may be sent twice beside a window for each kill
    dead: bool = False  # some recipients do not exist
    environments: dict[int, dict[str, str]] = field(default_factory=dict)  # of consumers, where they differ
    sink_words: list[str] = field(default_factory=list)
    helpers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)  # what the drill itself has to say
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        plan = self.plan
        plan.port = plan.port or free_port()
        self.sink_port = free_port() if plan.fault == "cut" else plan.port
        self.service = Service(
            database=plan.database, redis=plan.redis, mail_port=plan.port,
            settings={
                "MAIL_WINDOW": str(WINDOW), "MAIL_SLICE_SECONDS": "2", "MAIL_WORKERS": "16",
                "EMAIL_URL": f"{SCHEMES[plan.tls]}://127.0.0.1:{plan.port}",
            },
        )  # fmt: skip
        self.log = Path(self.service.var) / "mails.log"
        self.wall = Path(self.service.var) / "wall"
        for path in (self.log, self.refused):
            path.touch()
        if plan.tls:
            self.service.env["MAIL_TLS_CA_FILE"] = str(self._certificate())
        self.service.migrate()
        self.service.inside("fill", str(plan.recipients), str(plan.size))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.service.stop()
        self.stop_sink()
        for helper in self.helpers:
            helper.kill()

    @property
    def refused(self) -> Path:
        return self.log.with_name("mails.log.refused")

    def begin(self) -> None:
        """Start the mail server and the consumers, and open the attempt."""
        self.start_sink()
        for number in range(self.plan.consumers):
            different = self.environments.get(number, {})
            if self.plan.pooler:
                different = {**different, "DATABASE_URL": self.plan.pooler}
            self.service.start_consumer(MAIL_EHLO_NAME=f"consumer{number}.example.com", **different)
        settle()
        self.began = time.time()
        self.service.inside("open")

    def start_sink(self) -> None:
        plan = self.plan
        words = ["--port", str(self.sink_port), "--log", str(self.log), "--delay", str(plan.delay)]
        words += ["--wall", str(self.wall), "--buffer", str(plan.buffer)]
        words += ["--chunking"] if plan.chunking else []
        words += ["--tls", plan.tls, "--certificate", str(self._certificate())] if plan.tls else []
        self.sink = subprocess.Popen([sys.executable, "-m", "bench.sink", *words, *self.sink_words], cwd=ROOT)

    def stop_sink(self) -> None:
        self.sink.kill()
        self.sink.wait()

    def help_with(self, module: str, *words: str) -> None:
        """Run a program beside the drill until its end."""
        self.helpers.append(subprocess.Popen([sys.executable, "-m", module, *words], cwd=ROOT))

    def expect(self, name: str, value: Any, *, when: bool) -> None:
        """Note what was seen; the drill has failed unless `when`."""
        self.seen[name] = value
        if not when:
            self.wrong.append(name)

    def mails(self) -> list[tuple[str, str]]:
        """(recipient, Message-ID) of every mail the server has accepted."""
        return [(to, found) for to, found, *_ in (line.split() for line in self.log.read_text().splitlines())]

    def refusals(self) -> list[str]:
        """The recipients that the server has refused, each as often as it did."""
        return [line.split()[0] for line in self.refused.read_text().splitlines()]

    def judge(self, *, seconds: float = 600) -> dict[str, Any]:
        """What the mail server's log and the ledger say, and whether that is what is promised."""
        attempt = self.service.inside("wait", str(seconds))
        ledger = self.service.inside("counts")
        differing = self.service.inside("differing")["differences"]
        mails = self.mails()
        number = Counter(to for to, _ in mails if to.startswith("client"))
        twice = {to for to, times in number.items() if times > 1}
        uncounted = twice - set(ledger["possibly_twice"])
        ids = {to: {found for who, found in mails if who == to} for to in list(twice)[:200]}
        gone = set(self.refusals()) - set(number) if self.dead else set()
        lost = self.plan.recipients - len(number) - len(gone)
        duplicates, allowed = number.total() - len(number), WINDOW * self.killed + self.allowance
        passed = (
            attempt["status"] == ("partly" if gone else "succeeded")
            and not lost
            and not uncounted
            and not differing
            and not self.wrong
            and attempt["sent"] == len(number)
            and attempt["failed"] == len(gone)
            and attempt["possibly_twice"] == len(ledger["possibly_twice"])
            and duplicates <= allowed
            and all(len(found) == 1 for found in ids.values())
        )
        return {
            "drill": self.plan.fault,
            "ledger": self.plan.database.partition(":")[0] or "sqlite",
            "passed": passed,
            "recipients": self.plan.recipients,
            "consumers": self.plan.consumers,
            "kills": self.killed,
            "seconds": round(time.time() - self.began, 1),
            "mails taken by the server": len(mails),
            "lost": lost,
            "duplicates": duplicates,
            "duplicates allowed": allowed,
            "duplicates not counted": len(uncounted),
            "counted as possibly twice": attempt["possibly_twice"],
            "sent by the ledger": attempt["sent"],
            "failed by the ledger": attempt["failed"],
            "tries used up": ledger["tries used up"],
            "status": attempt["status"],
            "figures that differ from the ledger": differing,
            **({"tls": self.plan.tls, "octets of a message": self.plan.size} if self.plan.tls else {}),
            **self.seen,
            **({"wrong": self.wrong} if self.wrong else {}),
        }

    def _certificate(self) -> Path:
        """A self-signed certificate for this machine, and its key."""
        path = Path(self.service.var) / "certificate.pem"
        if not path.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                 "-subj", "/CN=sink", "-addext", "subjectAltName=IP:127.0.0.1",
                 "-keyout", path, "-out", f"{path}.crt"],
                check=True, capture_output=True,
            )  # fmt: skip
            path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
        return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
