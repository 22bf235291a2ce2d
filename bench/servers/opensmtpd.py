"""OpenSMTPD that accepts mail into its queue and leaves it there."""

import re
from collections import Counter

from bench.servers.server import RealServer
from bench.servers.unpack import FOLDER, libraries

CONFIGURATION = """\
{main}
listen on 127.0.0.1 port {port} hostname opensmtpd.test
action "out" relay
match from any for domain "example.org" {matching} action "out"
"""
# Its folders are built in; it sees its own there, and nobody else does.
RUN = """\
mount --make-rprivate / &&
mount -t tmpfs tmpfs /var/spool && mkdir /var/spool/smtpd && mount --bind {folder}/spool /var/spool/smtpd &&
mount -t tmpfs tmpfs /run &&
mount -t tmpfs tmpfs /var/lib && mkdir -p /var/lib/opensmtpd/empty &&
exec {program} -d -P mta -f {folder}/smtpd.conf
"""
_TAKEN = re.compile(r"smtp envelope evpid=\S+ from=<[^>]*> to=<([^>]*)>")


class OpenSmtpd(RealServer):
    """`main`: lines of its configuration. `matching`: conditions of its one rule, such as `! rcpt-to …`."""

    def __init__(self, *, main: str = "", matching: str = "", port: int = 0) -> None:
        super().__init__(port=port)
        self._main, self._matching = main, matching

    @property
    def log(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    @property
    def taken(self) -> Counter[str]:
        return Counter(_TAKEN.findall(self.log))

    def _prepare(self) -> None:
        text = CONFIGURATION.format(main=self._main, matching=self._matching, port=self.port)
        (self.folder / "smtpd.conf").write_text(text)
        (self.folder / "spool").mkdir(mode=0o711)

    def _command(self) -> list[str]:
        program = FOLDER / "opensmtpd" / "usr" / "sbin" / "smtpd"
        return ["unshare", "--mount", "sh", "-c", RUN.format(folder=self.folder, program=program)]

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": libraries("opensmtpd")}
