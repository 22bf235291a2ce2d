"""The local mail catcher's Maildir, readable while DEBUG."""

import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path

from django.conf import settings

_KEY = re.compile(r"[\w.,=:!-]{1,200}", re.ASCII)


@dataclass(frozen=True)
class CaughtMail:
    """One mail in the catcher's folder."""

    path: Path

    @property
    def key(self) -> str:
        return self.path.name

    @cached_property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.path.read_bytes(), policy=email.policy.default)

    @property
    def caught_at(self) -> datetime:
        return datetime.fromtimestamp(self.path.stat().st_mtime, tz=UTC)

    @property
    def subject(self) -> str:
        return str(self.message.get("Subject", ""))

    @property
    def to(self) -> str:
        return str(self.message.get("To", ""))

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self.message.items()]

    def part(self, subtype: str) -> str:
        """The text or HTML part, or an empty string."""
        body = self.message.get_body((subtype,))
        return str(body.get_content()) if body is not None else ""


class Outbox:
    """The caught mails, newest first; only those that are shown are read."""

    def __init__(self) -> None:
        folders = (settings.MAIL_DIR / "new", settings.MAIL_DIR / "cur")
        paths = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
        self._paths = sorted(paths, key=_arrival, reverse=True)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, wanted: slice) -> list[CaughtMail]:
        return [CaughtMail(path) for path in self._paths[wanted]]


def find(key: str) -> CaughtMail | None:
    """The mail with this name, or None; no name leads out of the folder."""
    if not _KEY.fullmatch(key) or key.startswith("."):
        return None
    paths = (settings.MAIL_DIR / folder / key for folder in ("new", "cur"))
    return next((CaughtMail(path) for path in paths if path.is_file()), None)


def _arrival(path: Path) -> tuple[int, int]:
    """Maildir names begin with seconds, `M`, and microseconds."""
    match = re.match(r"(\d+)\.M(\d+)", path.name)
    return (int(match[1]), int(match[2])) if match else (0, 0)
