"""One attempt under fire, and the judgement over it."""

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


@dataclass
class Drill:
    plan: Plan
    killed: int = 0
    sink_words: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        plan = self.plan
        plan.port = plan.port or _free_port()
        self.service = Service(
            database=plan.database, redis=plan.redis, mail_port=plan.port,
            settings={"MAIL_WINDOW": str(WINDOW), "MAIL_SLICE_SECONDS": "2", "MAIL_WORKERS": "16"},
        )  # fmt: skip
        self.log = Path(self.service.var) / "mails.log"
        self.log.touch()
        self.service.migrate()
        self.service.inside("fill", str(plan.recipients))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.service.stop()
        self.stop_sink()

    def begin(self) -> None:
        """Start the mail server and the consumers, and open the attempt."""
        self.start_sink()
        for _ in range(self.plan.consumers):
            self.service.start_consumer()
        settle()
        self.began = time.time()
        self.service.inside("open")

    def start_sink(self) -> None:
        words = ["--port", str(self.plan.port), "--log", str(self.log), "--delay", str(self.plan.delay)]
        words += ["--chunking"] if self.plan.chunking else []
        self.sink = subprocess.Popen([sys.executable, "-m", "bench.sink", *words, *self.sink_words], cwd=ROOT)

    def stop_sink(self) -> None:
        self.sink.kill()
        self.sink.wait()

    def mails(self) -> list[tuple[str, str]]:
        """(recipient, Message-ID) of every mail the server has taken."""
        return [(to, found) for to, found, _ in (line.split() for line in self.log.read_text().splitlines())]

    def judge(self) -> dict[str, Any]:
        """What the mail server's log and the ledger say, and whether that is what is promised."""
        attempt = self.service.inside("wait", "600")
        ledger = self.service.inside("counts")
        differing = self.service.inside("differing")["differences"]
        mails = self.mails()
        number = Counter(to for to, _ in mails)
        twice = {to for to, times in number.items() if times > 1}
        uncounted = twice - set(ledger["possibly_twice"])
        ids = {to: {found for who, found in mails if who == to} for to in list(twice)[:200]}
        lost = self.plan.recipients - len(number)
        passed = (
            attempt["status"] == "succeeded"
            and not lost
            and not uncounted
            and not differing
            and attempt["sent"] == len(number) == self.plan.recipients
            and attempt["possibly_twice"] == len(ledger["possibly_twice"])
            and len(mails) - len(number) <= WINDOW * self.killed + self.allowance
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
            "duplicates": len(mails) - len(number),
            "duplicates allowed": WINDOW * self.killed + self.allowance,
            "duplicates not counted": len(uncounted),
            "counted as possibly twice": attempt["possibly_twice"],
            "sent by the ledger": attempt["sent"],
            "status": attempt["status"],
            "figures that differ from the ledger": differing,
        }

    # What a mail server that is killed may have taken without saying so: a window for each consumer.
    @property
    def allowance(self) -> int:
        return WINDOW * self.plan.consumers if self.plan.fault == "restart" else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
