"""sendmail that accepts mail into its queue and leaves it there."""

import re
import subprocess
from collections import Counter

from bench.servers.server import RealServer
from bench.servers.unpack import FOLDER, libraries

CONFIGURATION = """\
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `sendmail.test')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`HELP_FILE', `')dnl
define(`ALIAS_FILE', `')dnl
define(`confPID_FILE', `{folder}/pid')dnl
define(`confDELIVERY_MODE', `queueonly')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0s')dnl
define(`confCW_FILE', `-o /nowhere')dnl
define(`confRUN_AS_USER', `root')dnl
define(`confDONT_BLAME_SENDMAIL', `MapInUnsafeDirPath')dnl
define(`confREFUSE_LA', `0')dnl
define(`confQUEUE_LA', `0')dnl
define(`confDELAY_LA', `0')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`relay_entire_domain')dnl
FEATURE(`access_db', `hash -T<TMPF> -o {folder}/access')dnl
{features}
DAEMON_OPTIONS(`Addr=127.0.0.1, Port={port}, Name=MTA')dnl
MAILER(`smtp')dnl
"""
# A host whose name has no dot is thought to be about to get a better one, and waited for.
RUN = "hostname sendmail.test && exec {program} -C {folder}/sendmail.cf -bD -X {folder}/traffic"
_RECIPIENT = re.compile(r"^R[A-Z]*:<([^>]*)>", re.MULTILINE)


class Sendmail(RealServer):
    """`features`: lines of its m4 configuration. `access`: of its access map."""

    def __init__(self, *, features: str = "", access: str = "", port: int = 0) -> None:
        super().__init__(port=port)
        self._features, self._access = features, access

    @property
    def log(self) -> str:
        """Everything that was said, each line with the number of its process."""
        file = self.folder / "traffic"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def taken(self) -> Counter[str]:
        return Counter(email for text in self.queued for email in _RECIPIENT.findall(text))

    @property
    def queued(self) -> list[str]:
        """The envelope and the header of each mail, as sendmail has written them down."""
        return [file.read_text(errors="replace") for file in (self.folder / "queue").glob("qf*")]

    def _prepare(self) -> None:
        (self.folder / "queue").mkdir(mode=0o700)
        source = self.folder / "sendmail.mc"
        source.write_text(CONFIGURATION.format(folder=self.folder, port=self.port, features=self._features))
        (self.folder / "sendmail.cf").write_text(self._made_by_m4(str(source)))
        self._make_map(self._access)

    def _made_by_m4(self, source: str) -> str:
        top = FOLDER / "sendmail" / "usr"
        share = top / "share" / "sendmail" / "cf"
        command = [str(top / "bin" / "m4"), f"-D_CF_DIR_={share}/", str(share / "m4" / "cf.m4"), source]
        done = subprocess.run(
            command, cwd=share / "cf", env=self._environment(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def _make_map(self, access: str) -> None:
        program = FOLDER / "sendmail" / "usr" / "libexec" / "sendmail" / "makemap"
        command = [str(program), "-C", str(self.folder / "sendmail.cf"), "hash", str(self.folder / "access")]
        subprocess.run(
            command, input=access, env=self._environment(), capture_output=True, text=True, check=True
        )

    def _command(self) -> list[str]:
        program = FOLDER / "sendmail" / "usr" / "libexec" / "sendmail" / "sendmail"
        return ["unshare", "--uts", "sh", "-c", RUN.format(program=program, folder=self.folder)]

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": libraries("sendmail")}
