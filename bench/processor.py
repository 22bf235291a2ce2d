"""Where the CPU time goes while mail is sent, by kind of process, from /proc."""

import os
from collections import defaultdict
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_KINDS = {
    "run_huey": "our consumers",
    "html_process": "preparing the message",
    "postgres": "PostgreSQL",
    "redis-server": "Redis",
    "smtp-sink": "the mail server",
    "bench.fast_sink": "the mail server",
}


def of_process(pid: int) -> float:
    """Seconds of CPU time that one process has had; 0 if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    numbers = stat[stat.rindex(")") + 2 :].split()
    return (int(numbers[11]) + int(numbers[12])) / _TICK


def seconds() -> dict[str, float]:
    """Seconds of CPU time since each process began, by kind, and what was charged to no process.

    PostgreSQL's processes may end meanwhile; their parent is then charged with them.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            stat = (entry / "stat").read_text()
        except OSError:  # it has just ended
            continue
        kind = next((kind for word, kind in _KINDS.items() if word in words), "all else")
        numbers = stat[stat.rindex(")") + 2 :].split()
        ended = sum(map(int, numbers[13:15])) if kind == "PostgreSQL" else 0
        found[kind] += (int(numbers[11]) + int(numbers[12]) + ended) / _TICK
    user, nice, system, idle, waiting, hard, soft, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    found["idle"] = (idle + waiting) / _TICK
    # Most of it is what the kernel does for a packet: on one machine, for both ends of the connection.
    found["no process"] = (user + nice + system + hard + soft) / _TICK - sum(
        found[kind] for kind in {*_KINDS.values(), "all else"}
    )
    return found
