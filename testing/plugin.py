"""A pytest plugin, loaded before the settings: tests never read a .env file or use a real mail server.

Workers of xdist share nothing: each has its own VAR_DIR, database (pytest-django sees to that) and Redis
database, counted down from that of REDIS_URL.
"""

import os
import re
import tempfile

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def _redis_of_worker(url: str, worker: str) -> str:
    number = int(worker.removeprefix("gw") or 0)
    return re.sub(r"/(\d+)$", lambda found: f"/{(int(found[1]) - number) % 16}", url)


os.environ["ENV_FILE"] = os.devnull
os.environ.setdefault("SECRET_KEY", "tests")
os.environ.setdefault("DEBUG", "False")
if "VAR_DIR" not in os.environ or WORKER:  # a worker inherits its parent's
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="mailings-tests-")
os.environ["REDIS_URL"] = _redis_of_worker(os.environ.get("REDIS_URL", ""), WORKER)
os.environ.setdefault("SITE_URL", "http://testserver")
os.environ.setdefault("EMAIL_URL", "smtp://127.0.0.1:1")
os.environ["DNS_SERVERS"] = "none"
