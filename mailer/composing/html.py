"""Styles inlined and a text part made, in a process of its own.

The tools for it are native code that some bodies crash (deep nesting) or keep busy without end (many
rules for many elements). A process with limits takes nothing down but itself.
"""

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from django.utils.translation import gettext as _

from mailer.composing.merge import CannotCompile

PROGRAM = Path(__file__).with_name("html_process.py")
WAIT_SECONDS = 60  # on a busy machine; the process has a limit of processor time of its own


@lru_cache(maxsize=16)
def prepare(document: str) -> tuple[str, str]:
    """An HTML document with its styles inlined, and its text; CannotCompile if that takes too much."""
    try:
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-I", str(PROGRAM)],
            input=json.dumps(document),
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise CannotCompile(
            _("this HTML is too deeply nested, has too many style rules, or grows too large"), token=None
        ) from error
    html, text = json.loads(done.stdout)
    return html, text
