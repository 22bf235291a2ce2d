"""Reads a server's replies, whatever it sends (RFC 5321 section 4.2)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_LINE = 2048  # octets; RFC 5321 section 4.5.3.1.5 says 512
MAX_LINES = 100  # in one reply
_TIDY = re.compile(rb"[!-~]+(?: [!-~]+)*")
_LINE = re.compile(rb"[2-5][0-9]{2}([ -]|$)")

_USUAL = {b"250": 250, b"354": 354}  # what almost all lines begin with


class InvalidReply(Exception):
    """What came is no SMTP reply."""


class Reply(NamedTuple):
    code: int
    lines: tuple[bytes, ...]  # without the codes

    @property
    def text(self) -> str:
        """As a person reads it, on one line: "250 2.0.0 Ok"."""
        if len(self.lines) == 1 and len(self.lines[0]) < 400 and _TIDY.fullmatch(self.lines[0]):
            return f"{self.code} {self.lines[0].decode('ascii')}"
        text = b" ".join(self.lines).decode("utf-8", "replace")
        return f"{self.code} {' '.join(text.replace(chr(0), '').split())}"[:500].rstrip()


class ReplyReader:
    """Splits what arrives into replies; keeps no more of it than one reply may be long."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []

    @property
    def empty(self) -> bool:
        """Whether nothing is left that is not a whole reply."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield the replies that are complete; raises InvalidReply for what cannot be one."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r")
            if line[:3] in _USUAL and line[3:4] == b" " and not self._lines and len(line) < MAX_LINE:
                yield Reply(_USUAL[line[:3]], (line[4:],))
                continue
            if len(line) > MAX_LINE or not _LINE.match(line):
                raise InvalidReply(_shown(line))
            self._lines.append(line)
            if line[3:4] == b"-":
                if len(self._lines) >= MAX_LINES:
                    raise InvalidReply(_shown(line))
                continue
            code = line[:3]
            if len(self._lines) > 1 and any(other[:3] != code for other in self._lines):
                raise InvalidReply(_shown(line))
            lines, self._lines = self._lines, []
            yield Reply(int(code), tuple([line[4:] for line in lines]))
        if len(self._rest) > MAX_LINE:
            raise InvalidReply(_shown(self._rest))


def _shown(line: bytes) -> str:
    text = line[:100].decode("ascii", "replace").replace("\x00", "")
    return f"The mail server does not speak SMTP: {text!r}"
