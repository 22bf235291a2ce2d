"""Fault drills, judged by the mail server's own log against the ledger.

python -m bench.drills kill --database postgres://… --redis redis://… [--recipients 20000] [--kills 50]
python -m bench.drills kill --consumers 1             (SQLite and the embedded queue)
python -m bench.drills restart …                      (database, Redis and mail server in mid-attempt)
python -m bench.drills defer …                        (4xx to 30 % at first)
python -m bench.drills wall --answer "550 5.7.515 …"  (the same no to everybody, until it is put right)
python -m bench.drills dead …                         (3 % of the mailboxes do not exist)
python -m bench.drills cut --tls starttls --chunking --size 200000 --buffer 4096 …
python -m bench.drills clock --answer -1h …           (the clock of one of two consumers is wrong)
python -m bench.drills neighbour …                    (another owner's mail makes the server cut)

Each prints one line of JSON and exits 0 only if nobody was lost, every mail beyond the first to one
recipient is counted as "possibly twice", and the attempt's counts are those of the log.
"""

import argparse
import json
import signal
import sys

from bench.drills.drill import Drill, Plan
from bench.drills.faults import FAULTS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.drills")
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("--database", default="", help="a URL; without it SQLite in a new directory")
    parser.add_argument("--redis", default="", help="a URL; without it the embedded queue")
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--consumers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--delay", type=float, default=0.1, help="seconds the mail server takes for a mail")
    parser.add_argument(
        "--pause", type=float, default=3.0, help="seconds from one kill to the next, on average"
    )
    parser.add_argument("--chunking", action="store_true", help="the mail server offers CHUNKING")
    parser.add_argument("--port", type=int, default=0, help="for the mail server; 0: any that is free")
    parser.add_argument("--before", default="", help="restart: a command that restarts the database")
    parser.add_argument("--answer", default="", help="wall: what the server says; clock: how far it is off")
    parser.add_argument("--tls", choices=("", "starttls", "implicit"), default="")
    parser.add_argument("--size", type=int, default=0, help="octets of the message; a mail has it twice")
    parser.add_argument("--buffer", type=int, default=0, help="octets that the mail server receives ahead")
    parser.add_argument("--cut-for", type=float, default=10, help="cut: seconds for which the line breaks")
    parser.add_argument("--pooler", default="", help="a URL at which the consumers find the database")
    plan = Plan(**vars(parser.parse_args()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its consumers end with it
    with Drill(plan) as drill:
        FAULTS[plan.fault](drill)
        verdict = drill.judge()
    print(json.dumps(verdict))
    sys.exit(not verdict["passed"])


if __name__ == "__main__":
    main()
