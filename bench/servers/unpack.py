"""Unpack Debian's Exim, Postfix, OpenSMTPD and sendmail into var/servers: python -m bench.servers

The packages shut each other out when they are installed; unpacked, they stand side by side, and the
machine's own mail is none of their business. PgBouncer and libfaketime come along, for drills. Needs
Debian's apt, and root once: most of the programs have the names of their users built in and end at once
where there is none of that name.
"""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "var" / "servers"
PACKAGES = {
    "exim": ("exim4-daemon-light",),
    "postfix": ("postfix",),
    "opensmtpd": ("opensmtpd",),
    "sendmail": ("sendmail-bin", "sendmail-cf", "m4"),  # its configuration is made by m4
    "pgbouncer": ("pgbouncer",),
    "libfaketime": ("libfaketime",),
}
NO_MAIL_SERVERS = ("pgbouncer", "libfaketime")
USERS = {"exim": ("Debian-exim",), "postfix": ("postfix",), "opensmtpd": ("opensmtpd", "opensmtpq")}
GROUPS = {"postfix": "postdrop"}


class CannotUnpack(Exception):
    """str(error) says what is missing."""


def main() -> None:
    try:
        for name in PACKAGES:
            unpack(name)
            make_users(name)
    except CannotUnpack as error:
        sys.exit(f"The mail servers could not be unpacked: {error}")
    print(f"Exim, Postfix, OpenSMTPD and sendmail are in {FOLDER}")


def missing() -> str:
    """Why the servers cannot be run here; nothing if they can."""
    if not all(_done(name).exists() for name in PACKAGES if name not in NO_MAIL_SERVERS):
        return "the mail servers are not unpacked: python -m bench.servers"
    if os.geteuid():
        return "the mail servers start as root only: they change to users of their own"
    absent = [user for users in USERS.values() for user in users if not _has_user(user)]
    return f"there is no user {', '.join(absent)}: python -m bench.servers" if absent else ""


def may_unshare() -> bool:
    """Whether OpenSMTPD and sendmail can run: a container may not let them have namespaces of their own."""
    command = ["unshare", "--mount", "--uts", "true"]
    return shutil.which("unshare") is not None and not subprocess.run(command, check=False).returncode


def libraries(name: str) -> str:
    """LD_LIBRARY_PATH for a server: what came with it and is not installed."""
    found = {file.parent for file in (FOLDER / name).glob("**/*.so*")}
    return ":".join(sorted(str(folder) for folder in found))


def unpack(name: str) -> None:
    """Unpack a server, with the libraries that are not installed; nothing if that was done before."""
    if _done(name).exists():
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise CannotUnpack("this is not Debian: apt-get and dpkg-deb are needed")
    folder, packages = FOLDER / name, FOLDER / f"{name}.packages"
    for old in (folder, packages):
        shutil.rmtree(old, ignore_errors=True)
        old.mkdir(parents=True)
    wanted, seen = list(PACKAGES[name]), set()
    while wanted:
        package = wanted.pop()
        seen.add(package)
        file = _download(package, packages)
        _run("dpkg-deb", "-x", str(file), str(folder))
        needs = _needs(file)
        wanted += [each for each in needs if each not in seen and each not in wanted and not _installed(each)]
    shutil.rmtree(packages)
    _done(name).touch()


def make_users(name: str) -> None:
    """Make the users whose names are built into a server."""
    absent = [user for user in USERS.get(name, ()) if not _has_user(user)]
    for user in absent:
        if os.geteuid():
            raise CannotUnpack(f"there is no user {user}, and only root can make one")
        _run("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", user)
    if absent and (group := GROUPS.get(name)):
        _run("groupadd", "--system", "--force", group)


def _done(name: str) -> Path:
    return FOLDER / f"{name}.done"


def _download(package: str, into: Path) -> Path:
    command = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package]
    try:
        _run(*command, where=into)
    except CannotUnpack:  # the lists may be missing, or name versions that are gone
        _run("apt-get", "update", "-qq")
        _run(*command, where=into)
    return next(into.glob(f"{package}_*.deb"))


def _needs(file: Path) -> list[str]:
    """The libraries that a package needs; of alternatives the first."""
    field = _run("dpkg-deb", "-f", str(file), "Depends")
    names = [each.split("|")[0].split("(")[0].split(":")[0].strip() for each in field.split(",")]
    return [name for name in names if name.startswith("lib")]


def _installed(package: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${Status}", package]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.endswith(" installed")


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run(*command: str, where: Path | None = None) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise CannotUnpack(f"{' '.join(command[:2])} {command[-1]}: {said[-1]}")
    return done.stdout
