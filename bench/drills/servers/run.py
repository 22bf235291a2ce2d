"""One case: a real server, our own consumer, a run, and the verdict on both."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.service import Service, settle

HEAD = (
    f"{'case':26} {'mails':>6} {'sent':>6} {'lost':>5} {'twice':>6} {'marked':>7} {'failed':>7} {'tries':>6}"
    f" {'seconds':>8}  end"
)


class Server(Protocol):
    """What a case needs to know about a server; `taken`: how many mails it has for whom."""

    port: int

    @property
    def taken(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, kw_only=True)
class Setup:
    database: str
    redis: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Case:
    what: str
    server: Callable[[int], AbstractContextManager[Any]]  # by port
    recipients: int = 200
    end: str = "finished"  # or held, rests, running: what it comes to
    says: str = ""  # a part of the problem that is shown, or of the answers
    refused: Iterable[int] = ()  # by number: those who fail in the end
    seconds: float = 60  # that it may take
    settings: Mapping[str, str] = field(default_factory=dict)
    url: str = "smtp://127.0.0.1:{port}"
    steps: Callable[["Drill"], None] | None = None  # instead of sending and waiting once
    check: Callable[["Drill"], str] | None = None  # what else is wrong


@dataclass
class Row:
    """A line of the table."""

    name: str
    figures: dict[str, Any]
    wrong: list[str]

    def __str__(self) -> str:
        f = self.figures
        line = (
            f"{self.name:26} {f['mails']:6} {f['sent']:6} {f['lost']:5} {f['twice']:6} {f['marked']:7}"
            f" {f['failed']:7} {f['tries']:6} {f['seconds']:8.1f}  {f['end']}"
        )
        return line + "".join(f"\n    WRONG: {each}" for each in self.wrong)


class Drill:
    """A case under way."""

    def __init__(self, case: Case, server: Any, service: Service) -> None:
        self.case, self.server, self.service = case, server, service
        self.state: dict[str, Any] = {}

    def inside(self, *words: str) -> dict[str, Any]:
        return self.service.run("bench.drills.servers.inside", *words)

    def send(self, seconds: float | None = None) -> dict[str, Any]:
        """Open the run, and wait until it is finished or held, shows what it should show, or so long."""
        says = [self.case.says] if self.case.end == "rests" else []
        self.state = self.inside("follow", str(seconds or self.case.seconds), *says)
        return self.state

    def wait(self, seconds: float) -> dict[str, Any]:
        """Wait until it is finished or held, or so long."""
        self.state = {"began": self.state["began"], **self.inside("watch", str(seconds))}
        return self.state

    def try_again(self) -> None:
        """What its owner does once the cause is fixed."""
        self.inside("again")

    def never_lost(self) -> set[str]:
        """The addresses that are "sent" and that the server knows nothing about."""
        sent = {email for email, (status, *_) in self.state["rows"].items() if status == "sent"}
        return sent - set(self.server.taken)


def run(name: str, case: Case, setup: Setup) -> Row:
    with case.server(setup.port) as server:
        url = case.url.format(port=server.port)
        service = Service(
            database=setup.database,
            redis=setup.redis,
            mail_port=server.port,
            settings={"EMAIL_URL": url, **case.settings},
        )
        service.migrate()
        service.inside("fill", str(case.recipients))
        service.start_consumer()
        settle()
        drill = Drill(case, server, service)
        try:
            (case.steps or Drill.send)(drill)
        finally:
            service.stop()
        return _judge(name, drill)


def _judge(name: str, drill: Drill) -> Row:
    case, state, taken = drill.case, drill.state, drill.server.taken
    rows = state["rows"]
    twice = {email for email, number in taken.items() if number > 1 and email in rows}  # and not notices
    marked = {email for email, (_, _, possibly_twice) in rows.items() if possibly_twice}
    failed = {email for email, (status, *_) in rows.items() if status == "failed"}
    lost, uncounted = drill.never_lost(), twice - marked
    end = state["end"] + (f": {state['problem']}" if state["problem"] else "")
    figures = {
        "mails": case.recipients,
        "sent": state["sent"],
        "lost": len(lost),
        "twice": len(twice),
        "marked": len(marked),
        "failed": len(failed),
        "tries": sum(tries for status, tries, _ in rows.values() if status == "queued"),
        "seconds": state["ended"] - state["began"],
        "end": end[:150],
    }
    refused = {f"client{number}@example.org" for number in case.refused}
    unrefused = refused - failed if state["end"] == "finished" else set()
    wrong = [
        *([f"{len(lost)} are sent that it does not have"] if lost else []),
        *([f"{len(uncounted)} have it twice and are not counted"] if uncounted else []),
        *([f"{len(failed - refused)} failed that should not"] if failed - refused else []),
        *([f"{len(unrefused)} should have failed"] if unrefused else []),
        *([f"it is {state['end']} and not {case.end}"] if state["end"] != case.end else []),
        *([f"it does not say {case.says!r}"] if case.says not in state["problem"] + state["answers"] else []),
        *([f"it took more than {case.seconds} s"] if figures["seconds"] > case.seconds + 1 else []),
        *filter(None, [case.check(drill) if case.check else ""]),
    ]
    return Row(name, figures, wrong)
