"""Runs as a child process: reads MJML, writes HTML. MJML's native code crashes on deep nesting."""

import json
import os
import resource
import sys

SECONDS = 2  # of CPU time
NICE = 10  # pages go first
MEMORY = 1 << 29  # bytes of address space


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICE)
    from mjml import mjml2html  # under the limits

    json.dump({"html": mjml2html(json.load(sys.stdin)["mjml"])}, sys.stdout)


if __name__ == "__main__":
    main()
