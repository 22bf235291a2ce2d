"""Whose address counts behind proxies, and whether the guide's proxy tells it."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path
from time import monotonic, sleep

import pytest
from django.conf import settings
from django.test import Client as Browser

from people.models import AuditEntry
from testing.accounts import LOGIN
from testing.web_server import WebServer

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
FORGED = "198.51.100.7, 198.51.100.8"


@pytest.mark.parametrize(
    ("proxies", "header", "counts"),
    [
        (0, FORGED, "127.0.0.1"),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, f"{FORGED}, 203.0.113.5", "203.0.113.5"),  # by a proxy that appends: the last entry is its own
        (2, f"{FORGED}, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
    ],
)
def test_only_what_proxies_of_ours_have_written_counts(proxies, header, counts, db, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    Browser().post(LOGIN, {"login": "a@example.com", "password": "x"}, headers={"X-Forwarded-For": header})
    assert AuditEntry.objects.get().address == counts


def test_made_up_addresses_do_not_lift_the_limits(db, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    statuses = []
    for n in range(1, 41):
        headers = {"X-Forwarded-For": f"{n}.1.1.1, 203.0.113.99"}
        answer = Browser().post(LOGIN, {"login": f"{n}@example.com", "password": "x"}, headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [200] * 30 + [429] * 10


def test_the_setting_is_what_counts():
    show = "import site_config.settings as s; print(s.ALLAUTH_TRUSTED_PROXY_COUNT)"
    env = {"DEBUG": "True", "ENV_FILE": os.devnull, "TRUSTED_PROXIES": "3", "VAR_DIR": str(settings.VAR_DIR)}
    command = [sys.executable, "-c", show]
    shown = subprocess.run(
        command, cwd=settings.BASE_DIR, env=env, capture_output=True, check=True, text=True
    )
    assert shown.stdout == "3\n"


def guide() -> str:
    text = (settings.BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    return str(example)


def configuration(folder: Path, *, port: int, behind: int) -> str:
    """The guide's example as it stands there, but for ports, certificates and where it may write."""
    example = guide().replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    example = example.replace("listen 80;", f"listen 127.0.0.1:{port + 1};")
    example = re.sub(r"/etc/letsencrypt/\S+/(\w+\.pem)", rf"{folder}/\1", example)
    example = example.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{behind}")
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        f" http {{ access_log off; {paths} {example} }}"
    )


def free_ports() -> int:
    """The first of two ports that nobody uses."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
            return port


@pytest.fixture
def nginx(tmp_path):
    """The guide's proxy in front of a server that remembers what it was asked; both, and the proxy's port."""
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    certificate += ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")]
    subprocess.run(certificate, check=True, capture_output=True)
    port, file = free_ports(), tmp_path / "nginx.conf"
    with WebServer() as server:
        file.write_text(configuration(tmp_path, port=port, behind=server.port))
        process = subprocess.Popen([NGINX or "", "-c", str(file)], stderr=subprocess.DEVNULL)
        try:
            yield server, port
        finally:
            process.terminate()
            process.wait(timeout=10)


def asked(port: int, **headers: str) -> int:
    """The status of a POST, as soon as nginx listens."""
    end = monotonic() + 10
    while True:
        connection = HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context(), timeout=10)
        try:
            connection.request("POST", "/x", headers={"Host": "mail.example.com", **headers})
            return connection.getresponse().status
        except ConnectionRefusedError:
            if monotonic() > end:
                raise
            sleep(0.05)
        finally:
            connection.close()


@pytest.mark.once
@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
def test_the_guide_s_proxy_tells_the_visitor_s_address_and_lets_uploads_through(nginx):
    server, port = nginx
    assert asked(port, **{"X-Forwarded-For": FORGED, "X-Forwarded-Proto": "http"}) == 200
    [head] = server.heads
    sent = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    assert (sent["X-Forwarded-For"], sent["X-Forwarded-Proto"], sent["Host"]) == (
        "127.0.0.1",
        "https",
        "mail.example.com",
    )
    most = settings.UPLOAD_LIMIT_MB * 1024 * 1024
    assert asked(port, **{"Content-Length": str(most + 1)}) == 413
    assert f"client_max_body_size {settings.UPLOAD_LIMIT_MB}m;" in guide()
