"""Run as a process of its own: reads a document, writes it with its styles inlined, and its text part.

Nothing of Django is imported here, so that it starts fast.
"""

import gc
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

SECONDS = 2  # of processor time
NICE = 10  # whoever only wants a page goes first
MEMORY = 1 << 29  # bytes of address space
LARGEST = 1_000_000  # characters of the result: larger mail is cut off by its readers or refused on the way


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICE)
    gc.disable()  # it lives for a second, and its trees have many circles
    sys.path.append(str(Path(__file__).parents[2]))
    from mailer.composing.markup.prepare import prepare  # under the limits

    result: dict[str, Any] = prepare(**json.load(sys.stdin))
    if any(len(result.get(part, "")) > LARGEST for part in ("html", "text")):
        sys.exit(1)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
