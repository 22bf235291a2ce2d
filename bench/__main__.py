"""Measure the sending engine against what it must be compared with, on one machine in one run.

python -m bench --database postgres://… --redis redis://… [--recipients 50000] [--rounds 3] [--only NAME …]

The pairs alternate, so that a busy machine affects both; the reference runs once before, unmeasured, because
a server's first run is slower. Medians and ratios are printed and written with the machine to bench/results/,
where the newest run of each kind stays.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.cases import GROUPS, Bench

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--database", default=os.environ.get("DATABASE_URL", ""))
    parser.add_argument("--redis", default=os.environ.get("REDIS_URL", ""))
    parser.add_argument("--recipients", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--port", type=int, default=11900, help="the first of ten ports to use")
    asked = parser.parse_args()
    if not asked.database or not asked.redis:
        parser.error("say with --database and --redis (or DATABASE_URL, REDIS_URL) what to measure on.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has started ends with it
    with Bench(
        database=asked.database, redis=asked.redis, recipients=asked.recipients, port=asked.port
    ) as bench:
        for name in asked.only:
            run_group(name, bench, asked.rounds)


def run_group(name: str, bench: Bench, rounds: int) -> None:
    cases, once = GROUPS[name]
    found: dict[str, list[Any]] = {case.__name__: [] for case in cases}
    if not once:
        cases[0](bench)
    for number in range(1 if once else rounds):
        for case in cases:
            value = case(bench)
            found[case.__name__].append(value)
            print(f"{name} {number + 1}: {case.__name__}: {value}", flush=True)
    report(name, found, bench)


def report(name: str, found: dict[str, list[Any]], bench: Bench) -> None:
    medians = {case: _median(values) for case, values in found.items()}
    first = next(iter(medians.values()))
    ratios = {
        case: round(value / first, 3)
        for case, value in medians.items()
        if isinstance(value, (int, float)) and isinstance(first, (int, float)) and first
    }
    for case, value in medians.items():
        print(f"  {case:40} {value!s:>12}  × {ratios.get(case, '-')}")
    row = {
        "group": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "recipients": bench.recipients,
        "values": found,
        "medians": medians,
        "ratios to the first": ratios,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(row, indent=1) + "\n")


def machine() -> dict[str, Any]:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "",
    )
    return {
        "cpus": os.cpu_count(),
        "model": model,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load before": os.getloadavg(),
    }


def _median(values: list[Any]) -> Any:
    numbers = [value for value in values if isinstance(value, (int, float))]
    return statistics.median(numbers) if numbers else values[0]


if __name__ == "__main__":
    main()
