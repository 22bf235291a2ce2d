"""Send to real mail servers, one case after the other, and print what their own logs say about it.

python -m bench.drills.servers [CASE …] [--database postgres://… --redis redis://…] [--list] [--port 0]

Without CASE all of them: some forty minutes. `python -m bench.servers` has to be run once. It exits 0 only
if in no case a mail is "sent" that the server does not have, nobody gets two mails without being counted
as "possibly twice", and every run ends as its case says.
"""

import argparse
import fnmatch
import signal
import sys

from bench.drills.servers.cases import CASES
from bench.drills.servers.run import HEAD, Setup, run
from bench.servers import missing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.drills.servers")
    parser.add_argument("case", nargs="*", default=["*"], help="names, or patterns such as 'exim*'")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--database", default="", help="a URL; without it SQLite in a new directory")
    parser.add_argument("--redis", default="", help="a URL; without it the embedded queue")
    parser.add_argument("--port", type=int, default=0, help="for the mail servers; 0: any that is free")
    asked = parser.parse_args()
    names = [name for name in CASES if any(fnmatch.fnmatch(name, pattern) for pattern in asked.case)]
    if asked.list or not names:
        sys.exit("\n".join(f"{name}: {CASES[name].what}" for name in CASES))
    if problem := missing():
        sys.exit(problem)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has started ends with it
    setup = Setup(database=asked.database, redis=asked.redis, port=asked.port)
    print(HEAD, flush=True)
    wrong = []
    for name in names:
        row = run(name, CASES[name], setup)
        print(row, flush=True)
        wrong += [name] if row.wrong else []
    sys.exit(f"Not as it should be: {', '.join(wrong)}" if wrong else 0)


if __name__ == "__main__":
    main()
