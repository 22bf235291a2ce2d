"""Runs as a child process: reads a document, writes it with its styles inlined, and its text part.

It imports nothing of Django, so that it starts fast.
"""

import gc
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

SECONDS = 2  # of CPU time
NICE = 10  # page requests go first
MEMORY = 1 << 29  # bytes of address space
LARGEST = (
    1_000_000  # characters of the result: larger mails are cut off by mail programs or refused on the way
)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICE)
    gc.disable()  # it lives for a second, and its trees have many cycles
    sys.path.append(str(Path(__file__).parents[2]))
    from mailer.composing.markup.prepare import prepare  # under the limits

    result: dict[str, Any] = prepare(**json.load(sys.stdin))
    if any(len(result.get(part, "")) > LARGEST for part in ("html", "text")):
        sys.exit(1)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
