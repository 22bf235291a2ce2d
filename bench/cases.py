"""What is measured: each case returns mails per second, unless its name says otherwise."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from bench.crowd import MAILINGS, ten_thousand_due
from bench.servers import Exim, Postfix
from bench.service import ROOT, Service, settle

Case = Callable[["Bench"], Any]
SLOW = "2000"  # recipients for what is slow
FAR = "0.02"  # seconds of round trip


@dataclass(kw_only=True)
class Bench:
    database: str
    redis: str
    recipients: int
    port: int
    services: dict[str, Service] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)
    helpers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def __enter__(self) -> Self:
        sink = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if not sink:
            raise SystemExit("smtp-sink is missing: install postfix (it need not run).")
        self._help([sink, "-u", "nobody", f"127.0.0.1:{self.port}", "1000"])
        self._help([sys.executable, "-m", "bench.fast_sink", "--port", str(self.port + 1)])
        for number, target in ((2, self.port), (3, self.port + 1)):
            self._help(
                [sys.executable, "-m", "bench.proxy", "--listen", str(self.port + number),
                 "--to", str(target), "--round-trip", FAR]
            )  # fmt: skip
        time.sleep(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for helper in self.helpers:
            helper.kill()
        for service in self.services.values():
            service.stop()

    def service(
        self, *, port: int, recipients: int | None = None, sqlite: bool = False, **settings: str
    ) -> Service:
        """An installation with its clients in place and no consumer running."""
        key = "sqlite" if sqlite else "postgres"
        made = Service(
            database="" if sqlite else self.database,
            redis="" if sqlite else self.redis,
            mail_port=self.port + port,
            settings=settings,
        )
        if sqlite and key in self.services:
            made.var = self.services[key].var
            made.env["VAR_DIR"] = made.var
            made.env["DATABASE_URL"] = self.services[key].env["DATABASE_URL"]
        self.services[key] = made
        wanted = recipients or self.recipients
        if self.filled.get(key) != wanted:
            made.migrate()
            made.inside("fill", str(wanted))
            self.filled[key] = wanted
        else:
            made.inside("clear")
        return made

    def rate(self, processes: int, **how: Any) -> Any:
        return self.sent(processes, **how).get("rate")

    def sent(self, processes: int, **how: Any) -> dict[str, Any]:
        """Send one attempt with so many consumer processes."""
        service = self.service(**how)
        for _ in range(processes):
            service.start_consumer()
        settle()
        try:
            result = service.inside("send", "900")
            result["peak KiB"] = service.peak_memory()
        finally:
            service.stop()
        if result["sent"] != result["total"]:
            raise RuntimeError(f"not all was sent: {result}")
        return result

    def source(self, port: int, sessions: int, *, distinct: bool = False) -> int:
        """postfix's own smtp-source into the same sink.

        `distinct`: each mail to another recipient, as ours are: a real server looks every one up.
        """
        words = [
            "-d",
            "-s",
            str(sessions),
            "-m",
            str(self.recipients),
            "-l",
            "4096",
            "-f",
            "a@example.com",
            "-t",
            "b@example.com",
            *(["-N"] if distinct else []),
        ]
        began = time.time()
        source = shutil.which("smtp-source", path="/usr/sbin:/usr/bin:/usr/local/sbin") or ""
        subprocess.run([source, *words, f"127.0.0.1:{self.port + port}"], check=True)
        return round(self.recipients / (time.time() - began))

    def _help(self, command: list[str]) -> None:
        self.helpers.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))


def smtp_source(bench: Bench) -> Any:
    return bench.source(0, 8)


def two_processes(bench: Bench) -> Any:
    return bench.rate(2, port=0)


def one_process(bench: Bench) -> Any:
    return bench.rate(1, port=0)


def one_process_on_sqlite(bench: Bench) -> Any:
    return bench.rate(1, port=0, sqlite=True)


def window_of_500(bench: Bench) -> Any:
    return bench.rate(2, port=0, MAIL_WINDOW="500")


def smtp_source_best(bench: Bench) -> Any:
    return max(bench.source(0, sessions) for sessions in (2, 4, 8, 16))


def django_loop(bench: Bench) -> Any:
    return bench.service(port=0).run("bench.rivals", "django_loop", SLOW)["rate"]


def post_office(bench: Bench) -> Any:
    try:
        return bench.service(port=0).run("bench.rivals", "post_office", SLOW)["rate"]
    except RuntimeError as error:
        return f"not measured: {str(error).splitlines()[-1]}"


def smtp_source_chunking_sink(bench: Bench) -> Any:
    return bench.source(1, 8)


def chunking_two_processes(bench: Bench) -> Any:
    return bench.rate(2, port=1)


def chunking_window_of_500(bench: Bench) -> Any:
    return bench.rate(2, port=1, MAIL_WINDOW="500")


def far_smtplib_1(bench: Bench) -> Any:
    return bench.service(port=2).run("bench.rivals", "smtplib_only", "100", "1")["rate"]


def far_pipelining_1(bench: Bench) -> Any:
    return bench.rate(1, port=2, recipients=300, MAIL_CONNECTIONS="1")


def far_chunking_1(bench: Bench) -> Any:
    return bench.rate(1, port=3, recipients=5000, MAIL_CONNECTIONS="1")


def far_smtplib_8(bench: Bench) -> Any:
    return bench.service(port=2).run("bench.rivals", "smtplib_only", "600", "8")["rate"]


def far_pipelining_8(bench: Bench) -> Any:
    return bench.rate(1, port=2, recipients=3000, MAIL_CONNECTIONS="8")


def postfix_smtp_source(bench: Bench) -> Any:
    """Into a Postfix that discards what it accepts."""
    with Postfix() as server:
        return bench.source(server.port - bench.port, 8, distinct=True)


def postfix_two_processes_of_4(bench: Bench) -> Any:
    """Over as many connections as smtp-source has."""
    with Postfix() as server:
        return bench.rate(2, port=server.port - bench.port, MAIL_CONNECTIONS="4")


def postfix_smtp_source_16(bench: Bench) -> Any:
    with Postfix() as server:
        return bench.source(server.port - bench.port, 16, distinct=True)


def postfix_two_processes(bench: Bench) -> Any:
    with Postfix() as server:
        return bench.rate(2, port=server.port - bench.port)


def exim_smtp_source(bench: Bench) -> Any:
    """Into the queue of an Exim."""
    with Exim(main=_NO_LIMIT) as server:
        return bench.source(server.port - bench.port, 8, distinct=True)


def exim_two_processes(bench: Bench) -> Any:
    with Exim(main=_NO_LIMIT) as server:
        return bench.rate(2, port=server.port - bench.port)


# A thousand mails on a connection, otherwise, and then smtp-source ends.
_NO_LIMIT = "smtp_accept_max_per_connection = 0"


def time_of_two_processes(bench: Bench) -> Any:
    """Microseconds of CPU time per mail, by kind of process."""
    return bench.sent(2, port=0)["microseconds"]


def time_of_one_process_on_sqlite(bench: Bench) -> Any:
    return bench.sent(1, port=0, sqlite=True)["microseconds"]


def _time_per_mail(bench: Bench, *, guard: str, allowance: str = "") -> Any:
    """Microseconds of CPU time per mail, of one consumer and its database, whatever else the machine does."""
    service = bench.service(port=1, GUARD=guard)
    service.inside("allow", allowance)
    consumer = service.start_consumer()
    settle()
    try:
        found = service.inside("cost", "900", str(consumer.pid))
    finally:
        service.stop()
    if found["sent"] != bench.recipients:
        raise RuntimeError(f"not all was sent: {found}")
    return round(found["consumer"] + found["PostgreSQL"], 1)


def time_without_guard(bench: Bench) -> Any:
    return _time_per_mail(bench, guard="off")


def time_of_trusted(bench: Bench) -> Any:
    """With GUARD=on, for a user without a limit."""
    return _time_per_mail(bench, guard="on")


def time_with_allowance(bench: Bench) -> Any:
    return _time_per_mail(bench, guard="on", allowance="10000000")


def time_to_write_a_mail(bench: Bench) -> Any:
    """Microseconds to merge and encode one mail, alone on the CPU."""
    return bench.service(port=0).run("bench.rivals", "compose", "20000")["microseconds"]


def peak_mib_at_50_000(bench: Bench) -> Any:
    return round(bench.sent(1, port=0, recipients=50_000)["peak KiB"] / 1024, 1)


def peak_mib_at_500_000(bench: Bench) -> Any:
    return round(bench.sent(1, port=0, recipients=500_000)["peak KiB"] / 1024, 1)


def opening_a_million(bench: Bench) -> Any:
    """Seconds to open an attempt of 1,000,000, and of a small mailing sent meanwhile by another owner."""
    service = bench.service(port=0, recipients=1_000_000)
    service.start_consumer()
    settle()
    command = [sys.executable, "-m", "bench.inside", "open"]
    service.inside("small", "10")
    opening = subprocess.Popen(command, cwd=ROOT, env=service.env, stdout=subprocess.PIPE)
    meanwhile = []
    while opening.poll() is None:
        seconds = service.inside("small", "10")["seconds"]
        if opening.poll() is None:
            meanwhile.append(seconds)
    service.stop()
    out = json.loads(opening.communicate()[0])
    return {
        "seconds": round(out["opened"] - out["began"], 1),
        "seconds of small mailings meanwhile": meanwhile,
    }


def ten_thousand_at_once(bench: Bench) -> Any:
    """Mailings of a thousand owners that are due in one second; see bench.crowd."""
    number = min(MAILINGS, bench.recipients)
    return ten_thousand_due(database=bench.database, redis=bench.redis, port=bench.port + 4, mailings=number)


# Name: the cases, the first of which is what the others are compared with; whether once is enough.
GROUPS: dict[str, tuple[list[Case], bool]] = {
    "throughput": ([smtp_source, two_processes, one_process, one_process_on_sqlite, window_of_500], False),
    "chunking": ([smtp_source_chunking_sink, chunking_two_processes, chunking_window_of_500], False),
    "rivals": ([two_processes, smtp_source_best, django_loop, post_office], False),
    "far": ([far_smtplib_1, far_pipelining_1, far_chunking_1], False),
    "far8": ([far_smtplib_8, far_pipelining_8], False),
    "postfix": (
        [postfix_smtp_source, postfix_two_processes_of_4, postfix_smtp_source_16, postfix_two_processes],
        False,
    ),
    "exim": ([exim_smtp_source, exim_two_processes], False),
    "profile": ([time_of_two_processes, time_of_one_process_on_sqlite, time_to_write_a_mail], True),
    "guard": ([time_without_guard, time_of_trusted, time_with_allowance], False),
    "memory": ([peak_mib_at_50_000, peak_mib_at_500_000], True),
    "opening": ([opening_a_million], True),
    "crowd": ([ten_thousand_at_once], True),
}
