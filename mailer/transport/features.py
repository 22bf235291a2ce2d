"""The extensions a mail server offers, and which of them are not trusted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """The extensions of one server (RFC 5321 section 4.1.1.1)."""

    pipelining: bool = False  # RFC 2920
    chunking: bool = False  # RFC 3030
    eight_bit: bool = False  # RFC 6152
    utf8: bool = False  # RFC 6531
    size: int | None = None  # octets of the largest mail, 0 if it does not say (RFC 1870)
    starttls: bool = False
    auth: frozenset[str] = frozenset()

    @classmethod
    def read(cls, words: Mapping[str, list[str]]) -> Self:
        """From the EHLO keywords and their parameters."""
        old_auth = [word.removeprefix("AUTH=") for word in words if word.startswith("AUTH=")]
        size = words.get("SIZE")
        return cls(
            pipelining="PIPELINING" in words,
            chunking="CHUNKING" in words,
            eight_bit="8BITMIME" in words,
            utf8="SMTPUTF8" in words and "8BITMIME" in words,
            size=None if size is None else _number(size),
            starttls="STARTTLS" in words,
            auth=frozenset(words.get("AUTH", []) + old_auth),
        )

    def without(self, distrusted: Collection[str]) -> Self:
        """The same, without extensions that the server offered but did not support properly."""
        return replace(
            self,
            pipelining=self.pipelining and "PIPELINING" not in distrusted,
            chunking=self.chunking and "CHUNKING" not in distrusted,
            eight_bit=self.eight_bit and "8BITMIME" not in distrusted,
            utf8=self.utf8 and not {"SMTPUTF8", "8BITMIME"} & set(distrusted),
            size=None if "SIZE" in distrusted else self.size,
        )


def _number(words: list[str]) -> int:
    return int(words[0]) if words and words[0].isdigit() and len(words[0]) < 16 else 0
