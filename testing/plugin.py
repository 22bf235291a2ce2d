"""A pytest plugin, loaded before the settings: tests never read a .env file or a real mail server."""

import os
import tempfile

os.environ["ENV_FILE"] = os.devnull
os.environ.setdefault("SECRET_KEY", "tests")
os.environ.setdefault("DEBUG", "False")
if "VAR_DIR" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:  # a worker inherits its parent's
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="mailings-tests-")
os.environ.setdefault("SITE_URL", "http://testserver")
os.environ.setdefault("EMAIL_URL", "smtp://127.0.0.1:1")
