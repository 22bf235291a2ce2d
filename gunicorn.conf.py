"""Read by gunicorn from the folder it is started in; the command line wins."""

import os
from typing import Any

from site_config.environment import settings_or_exit

# A slow upload, or waiting for a message to be prepared, holds up a thread, not a worker.
worker_class = "gthread"
threads = 8


def on_starting(server: Any) -> None:
    """Report a wrong setting in one line, before each worker would."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
    settings_or_exit()
