"""Read by gunicorn from the folder it is started in; what the command line says wins."""

import os
from typing import Any

from site_config.environment import settings_or_exit

# Who waits for a message to be prepared, or sends a picture slowly, holds up a thread and not a worker.
worker_class = "gthread"
threads = 8


def on_starting(server: Any) -> None:
    """A wrong setting is one line, before there are workers that would each say it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
    settings_or_exit()
