"""Merges per second of this tree and of an older one, in turns and by processor time.

python -m bench.filling --against TREE [--python INTERPRETER] [--mails 2000] [--rounds 60] [--distinct]

`TREE` is a worktree of the older commit, `INTERPRETER` what runs it (its own environment by default; both
should be the same build of Python). A process for each tree fills a few mails at a time; nothing is sent.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
FIRST_NAMES = ["Anna", "Boris", "Chen", "Dmitry", "Elena", "Farid"]
BODY = (
    "<style>p{color:#333}</style><p>Dear {{ first_name }},</p><p>"
    + "A line of news as people write them, of which a mail has a few and each costs something.<br>\n" * 14
    + "</p><p>For {{ email }}, from {{ sender_name }}.</p>"
)


def serve(distinct: bool) -> None:
    """Write and discard so many mails for each number read; run in the tree that is measured."""
    import django

    sys.path[0] = str(Path.cwd())
    os.environ["DJANGO_SETTINGS_MODULE"] = "site_config.settings"
    django.setup()
    rendering, compiling = map(import_module, _modules())
    from people.models import User

    owner = User(pk=7, email="bench@example.com", name="Bench")
    compiled = compiling.compile_message(subject="News for {{ first_name }}", body=BODY)
    composer = rendering.Composer(compiled=compiled, owner=owner)
    number = 0
    for line in sys.stdin:
        rows = [
            rendering.Recipient(
                f"client{n}@example.org", _name(n, distinct), f"<{n}.0123456789abcdef@mail.example.com>"
            )
            for n in range(number, number + int(line))
        ]
        number += len(rows)
        began = time.process_time()
        octets = sum(len(composer.write(row, eight_bit=True)) for row in rows)
        spent = time.process_time() - began
        print(spent / len(rows) * 1e6, octets / len(rows), flush=True)


def _modules() -> tuple[str, str]:
    if find_spec("mailer.composing"):
        return "mailer.composing.rendering", "mailer.composing.compiling"
    return "mailer.sending.letters", "mailer.sending.compose"  # before that package was split off


def _name(n: int, distinct: bool) -> str:
    last = "".join(chr(97 + n // 26**k % 26) for k in range(4)) if distinct else ""
    return f"{FIRST_NAMES[n % 6]} Novak{last}"


class Tree:
    """A process that fills mails with one tree's code."""

    def __init__(self, folder: Path, python: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [python, str(Path(__file__)), "--serve", *options],
            cwd=folder, env={**os.environ, "DEBUG": "True"}, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.microseconds: list[float] = []
        self.octets = 0.0

    def fill(self, number: int) -> None:
        assert self._process.stdin
        assert self._process.stdout
        print(number, file=self._process.stdin, flush=True)
        spent, self.octets = map(float, self._process.stdout.readline().split())
        self.microseconds.append(spent)

    def end(self) -> None:
        self._process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.filling")
    parser.add_argument("--against", type=Path)
    parser.add_argument("--python", default="")
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--distinct", action="store_true", help="no two clients have the same name")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.distinct)
        return
    if not asked.against:
        parser.error("say with --against with which tree to compare.")
    options = ["--distinct"] if asked.distinct else []
    then = Tree(asked.against, asked.python or str(asked.against / ".venv/bin/python"), *options)
    now = Tree(ROOT, sys.executable, *options)
    for _round in range(asked.rounds + 1):
        for tree in (then, now):
            tree.fill(asked.mails)
    for tree in (then, now):
        tree.end()
    report(then, now)


def report(then: Tree, now: Tree) -> None:
    """Medians, and ratios of rounds that ran one after the other; the first round warms up."""
    pairs = list(zip(then.microseconds[1:], now.microseconds[1:], strict=True))
    for name, tree in (("then", then), ("now", now)):
        print(f"{name:5} {statistics.median(tree.microseconds[1:]):6.2f} µs, {tree.octets:.0f} octets a mail")
    mails = statistics.median(before / after for before, after in pairs)
    print(f"mails per second, now : then   {mails:.3f}")
    print(f"octets per second, now : then  {mails * now.octets / then.octets:.3f}")


if __name__ == "__main__":
    main()
