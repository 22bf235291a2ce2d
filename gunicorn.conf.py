"""Read by gunicorn from the folder it is started in; the command line wins."""

import os
import sys
from typing import Any

from site_config.environment import settings_or_exit

# A slow upload, or waiting for a message to be prepared, holds up a thread, not a worker.
worker_class = "gthread"
threads = 8
# How long a computing thread delays another, each time that one returns from reading or writing. A page does
# that a dozen times: with Python's own 5 ms they add up to a tenth of a second.
SWITCH_SECONDS = 0.0005


def post_fork(_server: Any, _worker: Any) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)


def on_starting(server: Any) -> None:
    """Report a wrong setting in one line, before each worker would."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
    settings_or_exit()
