"""Postfix that accepts mail and discards it."""

import re
import shutil
import signal
import socket
from collections import Counter
from pathlib import Path
from time import monotonic, sleep

from bench.servers.server import POLL_SECONDS, RealServer
from bench.servers.unpack import FOLDER, libraries

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {unpacked}/usr/lib/postfix/sbin
command_directory = {unpacked}/usr/sbin
shlib_directory = {unpacked}/usr/lib/postfix
meta_directory = {folder}/etc
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LD_LIBRARY_PATH={libraries}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = postfix.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
relay_domains = example.org
default_transport = discard
relay_transport = discard
smtpd_client_connection_rate_limit = 0
smtpd_banner = $myhostname ESMTP reload {reloads}
{settings}
"""
MASTER = """\
127.0.0.1:{port} inet n - n - {first}
smtpd     pass  -       -       n       -       -       smtpd
dnsblog   unix  -       -       n       -       0       dnsblog
tlsproxy  unix  -       -       n       -       0       tlsproxy
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""
# The queue's folders, as `postfix set-permissions` leaves them.
QUEUE = (
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "saved",
    "trace",
    "private",
)
_ID = r"postfix/cleanup\[\d+\]: (\S+): message-id="
_TAKEN = re.compile(r"postfix/discard\[\d+\]: (\S+): to=<([^>]*)>")


class Postfix(RealServer):
    """`settings`: lines of main.cf. `files`: what is beside it. `postscreen`: it comes before smtpd."""

    def __init__(
        self,
        settings: str = "",
        *,
        files: dict[str, str] | None = None,
        postscreen: bool = False,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self._settings = settings
        self._files = files or {}
        self._postscreen = postscreen
        self._reloads = 0

    @property
    def log(self) -> str:
        file = self.folder / "log" / "mail.log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def taken(self) -> Counter[str]:
        """Waits until the queue manager has handled everything that was accepted."""
        end = monotonic() + 20
        while True:
            log = self.log
            gone = dict(_TAKEN.findall(log))
            if not set(re.findall(_ID, log)) - set(gone):
                return Counter(gone.values())
            if monotonic() > end:
                raise RuntimeError(f"Postfix does not bring its mail to an end: {log[-2000:]}")
            sleep(POLL_SECONDS)

    def change(self, settings: str) -> None:
        """Apply other settings and reload; returns when new connections are served by them."""
        assert self._process is not None
        self._reloads += 1
        self._write_main(settings)
        before = self._children(self._process.pid)
        self._process.send_signal(signal.SIGHUP)
        end = monotonic() + 10
        # An idle process may take one more connection before it notices; one that is at work ends with it.
        while before & self._children(self._process.pid) or f"reload {self._reloads}" not in self._greeting():
            if monotonic() > end:
                raise RuntimeError(f"Postfix does not reload: {self.log[-2000:]}")
            sleep(POLL_SECONDS)

    @staticmethod
    def _children(pid: int) -> set[str]:
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def _greeting(self) -> str:
        with socket.create_connection(("127.0.0.1", self.port), 5) as talk, talk.makefile() as lines:
            return lines.readline()

    def _prepare(self) -> None:
        for name in ("etc", "log", "data", "queue"):
            (self.folder / name).mkdir()
        for name in QUEUE:
            (self.folder / "queue" / name).mkdir(mode=0o700)
            shutil.chown(self.folder / "queue" / name, "postfix")
        for name, mode in (("public", 0o710), ("maildrop", 0o730)):
            (self.folder / "queue" / name).mkdir()
            (self.folder / "queue" / name).chmod(mode)
            shutil.chown(self.folder / "queue" / name, "postfix", "postdrop")
        (self.folder / "queue" / "pid").mkdir()
        for name in ("data", "log"):
            shutil.chown(self.folder / name, "postfix")
        for name, text in self._files.items():
            (self.folder / "etc" / name).write_text(text)
        self._write_main(self._settings)
        first = "1 postscreen" if self._postscreen else "- smtpd"
        (self.folder / "etc" / "master.cf").write_text(MASTER.format(port=self.port, first=first))

    def _write_main(self, settings: str) -> None:
        text = MAIN.format(
            folder=self.folder,
            unpacked=FOLDER / "postfix",
            libraries=libraries("postfix"),
            reloads=self._reloads,
            settings=settings.format(etc=self.folder / "etc"),
        )
        (self.folder / "etc" / "main.cf").write_text(text)

    def _command(self) -> list[str]:
        program = FOLDER / "postfix" / "usr" / "lib" / "postfix" / "sbin" / "master"
        return [str(program), "-c", str(self.folder / "etc"), "-d"]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": libraries("postfix"),
            "MAIL_CONFIG": str(self.folder / "etc"),
        }
