"""Exim that accepts mail into its queue and leaves it there."""

import re
import shutil
import subprocess
from collections import Counter

from bench.servers.server import RealServer
from bench.servers.unpack import FOLDER, libraries

CONFIGURATION = """\
primary_hostname = exim.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
exim_user = Debian-exim
exim_group = Debian-exim
never_users =
keep_environment =
tls_advertise_hosts = {tls_hosts}
host_lookup =
rfc1413_query_timeout = 0s
check_spool_space = 0
check_spool_inodes = 0
check_log_space = 0
check_log_inodes = 0
queue_only
log_selector = +received_recipients +smtp_protocol_error +smtp_syntax_error
accept_8bitmime = true
chunking_advertise_hosts = *
smtp_accept_max = 50
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
{main}
begin acl
acl_rcpt:
{at_rcpt}
  accept
acl_data:
{at_data}
  accept
"""
_TAKEN = re.compile(r"^\S+ \S+ \S+ <= .* for (\S+)$", re.MULTILINE)


class CannotMount(Exception):
    """This machine, perhaps a container, does not allow file systems of a fixed size."""


class Exim(RealServer):
    """`main`, `at_rcpt`, `at_data`: lines of its configuration. `spool`: "1m", if it is to be a small one.

    `tls_hosts`: whom STARTTLS is offered to. `from_the_start`: TLS is spoken without it.
    """

    def __init__(
        self,
        *,
        main: str = "",
        at_rcpt: str = "",
        at_data: str = "",
        tls_hosts: str = "",
        from_the_start: bool = False,
        spool: str = "",
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        if from_the_start:
            main += f"\ntls_on_connect_ports = {self.port}"
        self._text = CONFIGURATION.format(
            folder=self.folder,
            port=self.port,
            main=main,
            at_rcpt=at_rcpt,
            at_data=at_data,
            tls_hosts=tls_hosts,
        )
        self._spool = spool

    @property
    def log(self) -> str:
        file = self.folder / "log" / "mainlog"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def taken(self) -> Counter[str]:
        return Counter(_TAKEN.findall(self.log))

    def resize(self, size: str) -> None:
        """Resize the spool."""
        self._mount(f"remount,size={size}")

    def _prepare(self) -> None:
        (self.folder / "exim.conf").write_text(self._text)
        for name in ("spool", "log"):
            (self.folder / name).mkdir()
        if self._spool:
            self._mount(f"size={self._spool}")
        for name in ("spool", "log"):
            shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")

    def _mount(self, options: str) -> None:
        place = str(self.folder / "spool")
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise CannotMount(done.stderr.strip())

    def _command(self) -> list[str]:
        program = str(FOLDER / "exim" / "usr" / "sbin" / "exim4")
        return [program, "-C", str(self.folder / "exim.conf"), "-bdf"]

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": libraries("exim")}

    def _clean_up(self) -> None:
        place = self.folder / "spool"
        if place.is_mount():
            subprocess.run(["umount", "--lazy", str(place)], check=True)
