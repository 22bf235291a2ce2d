"""How settings are read: a wrong one stops the start with one sentence that never shows a password."""

import os
import re
import sys
from collections.abc import Collection
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

LINE = re.compile(r"(export )?[A-Za-z_0-9]+=|#|\s*$")
HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]")
# Labels of a domain name (RFC 6376 section 3.1).
SELECTOR = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
SOCKET_ADDRESS = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?|([0-9A-Fa-f:]+)")
PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Environment(environ.Env):
    """django-environ without references to other variables: a password may begin with a dollar sign."""

    def str(self, var: str, default: str = "", multiline: bool = False) -> str:
        return str(self.ENVIRON.get(var, default))


env = Environment()


def read_env_file(path: Path, *, required: bool = False) -> None:
    """Read a .env file; one that exists but cannot be read is an error.

    Without it the service would start as another one: embedded, mailing to this machine.
    """
    if not required and not os.path.lexists(path):
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ImproperlyConfigured(f"{path} is there but cannot be read: {why}.") from error
    for number_, line in enumerate(lines, start=1):
        if not LINE.match(line):
            raise ImproperlyConfigured(
                f"{path}, line {number_}, must be NAME=value without blanks around it."
            )
    env.read_env(path)


def number(name: str, *, default: int, low: int, high: int) -> int:
    """An integer setting between low and high, or one clear line about it."""
    raw = env.str(name) or str(default)
    if not raw.strip().isdecimal() or not low <= int(raw) <= high:
        raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}, not {raw!r}.")
    return int(raw)


def switch(name: str, *, default: bool) -> bool:
    raw = env.str(name).strip().lower()
    if raw in ("1", "true", "yes", "on"):
        return True
    if raw in ("0", "false", "no", "off"):
        return False
    if raw:
        raise ImproperlyConfigured(f"{name} must be True or False, not {raw!r}.")
    return default


def choice(name: str, *, default: str, among: Collection[str]) -> str:
    raw = env.str(name) or default
    found = {word.lower(): word for word in among}.get(raw.strip().lower())
    if found is None:
        *most, last = among
        raise ImproperlyConfigured(f"{name} must be {', '.join(most)} or {last}, not {raw!r}.")
    return found


def sender(name: str, *, default: str) -> str:
    """An address with or without a name before it, as it may appear in a From header."""
    raw = env.str(name) or default
    if not all(parseaddr(raw)[1].partition("@")) or not raw.isprintable():
        raise ImproperlyConfigured(f"{name} must look like Example <news@example.com>, not {raw!r}.")
    return raw


def another_sender(name: str, *, than: str) -> str:
    """A sender with a different address; by default one of the same domain."""
    taken = parseaddr(than)[1]
    raw = sender(name, default=f"accounts@{taken.rpartition('@')[2]}")
    if parseaddr(raw)[1].lower() == taken.lower():
        raise ImproperlyConfigured(f"{name} must be another address than {taken}, where mailings come from.")
    return raw


def module_path(name: str, *, default: str) -> str:
    """The dotted path of a class, in a module that can be found."""
    raw = env.str(name) or default
    try:
        found = find_spec(raw.rpartition(".")[0])
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise ImproperlyConfigured(f"{name} names {raw!r}, which is not installed.")
    return raw


def is_selector(word: str) -> bool:
    return re.fullmatch(SELECTOR, word) is not None


def dkim_keys(name: str) -> list[tuple[str, str]]:
    """Selectors and the files of their keys, for MAIL_DKIM_DOMAIN or a domain that is named.

    news:/etc/mailings/news.pem, news@acme.example:/etc/mailings/acme.pem
    """
    from site_config.dkim import load_key  # needs cryptography, which few installations use here

    found = []
    for word in filter(None, (part.strip() for part in env.str(name).split(","))):
        named, colon, path = word.partition(":")
        selector, at, domain = named.partition("@")
        if not colon or not is_selector(selector) or (at and not is_selector(domain)):
            raise ImproperlyConfigured(f"{name} must look like news:/etc/mailings/news.pem, not {word!r}.")
        try:
            load_key(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ImproperlyConfigured(f"{name}: {path} cannot be used: {why}.") from error
        found.append((f"{selector}{at}{domain.lower()}", path))
    return found


def dns_servers(name: str) -> list[tuple[str, int]] | None:
    """Name servers with or without a port: 9.9.9.9, [2620:fe::fe]:53; None for those of this machine."""
    raw = env.str(name).strip()
    found: list[tuple[str, int]] = []
    if not raw or raw.lower() == "none":
        return found if raw else None
    for word in (part.strip() for part in raw.split(",")):
        match = SOCKET_ADDRESS.fullmatch(word)
        host = (match[1] or match[2] or match[4]) if match else ""
        port = int(match[3] or 53) if match else 0
        try:
            ip_address(host)
        except ValueError:
            port = 0
        if not 0 < port < 65_536:
            raise ImproperlyConfigured(f"{name} must look like 9.9.9.9 or 127.0.0.1:5353, not {word!r}.")
        found.append((host, port))
    return found


def socket_address(name: str) -> tuple[str, int] | None:
    """A host and a port: 127.0.0.1:783; nothing if it is not set."""
    raw = env.str(name).strip()
    host, _, port = raw.rpartition(":")
    if raw and not (HOST.fullmatch(host) and port.isdecimal() and 0 < int(port) < 65_536):
        raise ImproperlyConfigured(f"{name} must look like 127.0.0.1:783, not {raw!r}.")
    return (host.strip("[]"), int(port)) if raw else None


def site_url(name: str, *, default: str) -> SplitResult:
    raw = (env.str(name) or default).rstrip("/")
    try:
        url = urlsplit(raw)
        well = url.scheme in ("http", "https") and HOST.fullmatch(_host_of(url)) and (url.port or 1)
    except ValueError:
        well = False
    if not well or any((url.path, url.query, url.fragment, url.username, url.password)):
        raise ImproperlyConfigured(f"{name} must look like https://mail.example.com, not {raw!r}.")
    return url


def service_url(
    name: str, raw: str, *, schemes: Collection[str], like: str, path: str = r"/?"
) -> SplitResult:
    """The parts of a server's address; none of them is guessed.

    `path` is what may follow the host, as a regular expression. An error never shows a password.
    """
    scheme, there, rest = raw.partition("://")
    generic = ImproperlyConfigured(f"{name} must look like {like}, not {scheme[:20] + '://…'!r}.")
    if not there or scheme not in schemes:
        raise generic
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user = rest.rpartition("@")[0]
    if "@" in rest and (
        user != authority.rpartition("@")[0] or re.search(r"[@\[\]\s]", user) or PERCENT.search(user)
    ):
        raise ImproperlyConfigured(
            f"{name}: a user or password with / ? # @ % [ ] or a blank must be percent-encoded, @ as %40."
        )
    try:
        url = urlsplit(raw)
        well = url.port != 0 and HOST.fullmatch(_host_of(url)) and re.fullmatch(path, url.path)
    except ValueError:  # a port that is not a number, unbalanced brackets
        well = None
    if not well or url.fragment or not raw.isprintable() or " " in raw:
        raise generic
    return url


def _host_of(url: SplitResult) -> str:
    """The host as it was written, with the brackets of an IPv6 address."""
    place = url.netloc.rpartition("@")[2]
    return place if place.endswith("]") else re.sub(r":\d*$", "", place)


def database(name: str, *, default: str) -> dict[str, Any]:
    raw = env.str(name) or default
    scheme = raw.partition("://")[0]
    if scheme in ("postgres", "postgresql", "psql", "pgsql"):
        like = "postgres://user:password@127.0.0.1:5432/name"
        if not raw.startswith(f"{scheme}:////"):  # the folder of a socket, not a host
            service_url(name, raw, schemes=(scheme,), like=like, path=r"/[^/]+")
    elif scheme != "sqlite" or not re.match(r"sqlite://(/[^?#]|:memory:$)", raw):
        raise ImproperlyConfigured(f"{name} must begin with sqlite:// or postgres://.")
    config: dict[str, Any] = env.db_url_config(raw)
    return config


def redis(name: str) -> str:
    """The address of a Redis server, or an empty string for none."""
    raw = env.str(name)
    if raw and not raw.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://.")
    if raw.startswith("redis"):
        service_url(
            name, raw, schemes=("redis", "rediss"), like="redis://:password@127.0.0.1:6379/0", path=r"(/\d*)?"
        )
    return raw


def with_time_limits(url: str) -> str:
    """A Redis that does not answer must not hold up whoever queues a task."""
    return f"{url}{'&' if '?' in url else '?'}socket_timeout=5&socket_connect_timeout=2"


def mail_server(name: str, *, default: str) -> dict[str, Any]:
    """Django's settings for an SMTP server: EMAIL_HOST and its kin."""
    url = service_url(
        name,
        env.str(name) or default,
        schemes=("smtp", "smtp+tls", "smtp+ssl"),
        like="smtp+tls://user:password@smtp.example.com:587",
    )
    return {
        "EMAIL_HOST": url.hostname,
        "EMAIL_PORT": url.port or {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}[url.scheme],
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_TLS": url.scheme == "smtp+tls",
        "EMAIL_USE_SSL": url.scheme == "smtp+ssl",
    }


def folder(path: Path, name: str) -> Path:
    """A folder, created if it is missing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is {path}, which cannot be made: {error.strerror}.") from error
    return path


def settings_or_exit(status: int = 1) -> None:
    """Read the settings; a wrong one ends the process with one line instead of a traceback."""
    from django.conf import settings  # they are being read now

    try:
        settings.INSTALLED_APPS  # noqa: B018  (reads them)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"Settings: {error}\n")
        sys.exit(status)
