"""What a real SpamAssassin, by its local tests alone, says of each ready message."""

import shutil
import socket
import subprocess
from time import monotonic, sleep

import pytest

from mailer.checking.background import score_as_sent
from mailer.checking.spam import score_of
from mailer.composing.looking import look
from mailer.composing.ready import READY, beginning

SPAMD = shutil.which("spamd") or shutil.which("spamd", path="/usr/sbin")
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

pytestmark = [
    pytest.mark.services,
    pytest.mark.alone,
    pytest.mark.skipif(not SPAMD, reason="SpamAssassin is not installed"),
]


@pytest.fixture(scope="module")
def spamd(tmp_path_factory):
    """A spamd of our own on a free port."""
    folder = tmp_path_factory.mktemp("spamd")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [
        "--local",
        "--nouser-config",
        "--max-children=1",
        f"--port={port}",
        f"--helper-home-dir={folder}",
    ]
    with subprocess.Popen([SPAMD, *options, "--listen=127.0.0.1", "--username=nobody"]) as process:
        end = monotonic() + 60
        while monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                sleep(0.2)
        yield "127.0.0.1", port
        process.terminate()


def test_it_is_a_spam_filter(spamd, settings):
    settings.SPAMD = spamd
    assert score_of(b"Subject: x\r\n\r\n" + GTUBE + b"\r\n")["score"] > 900


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", [one.name for one in READY])
def test_each_ready_message_is_far_from_spam(spamd, settings, owner, name, language):
    settings.SPAMD, settings.DEFAULT_FROM_EMAIL = spamd, "Mailings <mailings@example.com>"
    written = beginning(name, language=language, owner=owner)
    found = score_as_sent(look(written=written, owner=owner).compiled, owner=owner)
    assert found["score"] < 1.0, found["rules"]
