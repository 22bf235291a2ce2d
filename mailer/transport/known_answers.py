"""Reads known_answers.toml: what mail servers answer, and what each answer means."""

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

FILE = Path(__file__).with_name("known_answers.toml")
LANGUAGES = ("en", "ru")
_HEADER = re.compile(r"\s*\[+\s*([\w.-]+)\s*\]+\s*(?:#.*)?")
_UNBOUNDED = re.compile(r"(?<!\\)(?:\\\\)*(?:[*+]|\{\d*,\}|\)\{)")
_LONG_REPEAT = re.compile(r"\{(?:\d+,)?(?:[1-9]\d{2,}|8[1-9]|9\d)\}")
_ESCAPE = re.compile(r"\\.")
_CODE = re.compile(r"[45]\d{0,2}")
_ENHANCED = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")
_WANTED = {"server", "match", "means", "example", "source"}
_ALLOWED = _WANTED | {"codes", "enhanced"}


class RefusalClass(Enum):
    """What a refusal is about."""

    GONE = "gone"  # the address does not exist: failed for good and suppressed
    RECIPIENT = "recipient"  # this mailbox only: failed for good, not suppressed
    RECIPIENT_LATER = "later"  # this recipient, for now: greylisting and the like
    CONTENT = "content"  # our message
    SENDER = "sender"  # us: policy, reputation, authentication, relaying, log-in
    QUOTA = "quota"  # too much, too fast
    SERVER = "server"  # the server itself: full, out of order, no mail server
    CONNECTION = "connection"  # this connection only


class Explanation(tuple[str, str]):
    """A plain sentence, and what to do about it."""

    __slots__ = ()

    @property
    def sentence(self) -> str:
        return self[0]

    @property
    def remedy(self) -> str:
        return self[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAnswer:
    """One pattern of the file."""

    pattern: re.Pattern[str]
    codes: tuple[str, ...]  # beginnings of reply codes; none: any
    enhanced: frozenset[str]  # none: any
    means: str
    example: str
    server: str

    def fits(self, code: str, enhanced: str, text: str) -> bool:
        return bool(
            (not self.codes or code.startswith(self.codes))
            and (not self.enhanced or enhanced in self.enhanced)
            and self.pattern.search(text)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAnswers:
    classes: dict[str, RefusalClass]  # by explanation
    texts: dict[tuple[str, str], Explanation]  # by explanation and language
    answers: tuple[KnownAnswer, ...]
    words: tuple[KnownAnswer, ...]


class Broken(Exception):
    """An entry is wrong: str(error) says how, `key` where."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


def read(file: Path = FILE) -> KnownAnswers:
    """The file's content; ImproperlyConfigured names the line that is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, ValueError) as error:  # not UTF-8, or not TOML: both errors say where
        raise ImproperlyConfigured(f"{file.name} cannot be read: {error}.") from error
    lines = _Lines(file.name, text)
    if unknown := set(data) - {"explanations", "answer", "words"}:
        name = min(unknown)
        raise ImproperlyConfigured(lines.complaint(name, 0, Broken(f"nobody reads a table {name!r}")))
    classes: dict[str, RefusalClass] = {}
    texts: dict[tuple[str, str], Explanation] = {}
    for name, entry in _table(data, "explanations", lines).items():
        try:
            classes[name], both = _explanation(entry)
        except Broken as error:
            raise ImproperlyConfigured(lines.complaint(f"explanations.{name}", 0, error)) from error
        texts |= {(name, language): both[language] for language in LANGUAGES}
    answers, words = (_answers(data, kind, classes, lines) for kind in ("answer", "words"))
    return KnownAnswers(classes=classes, texts=texts, answers=answers, words=words)


def _table(data: dict[str, Any], name: str, lines: "_Lines") -> dict[str, Any]:
    table = data.get(name)
    if not isinstance(table, dict) or not table:
        raise ImproperlyConfigured(lines.complaint(name, 0, Broken(f"a table of {name} is missing")))
    return table


def _answers(
    data: dict[str, Any], kind: str, classes: dict[str, RefusalClass], lines: "_Lines"
) -> tuple[KnownAnswer, ...]:
    entries = data.get(kind)
    if not isinstance(entries, list) or not entries:
        raise ImproperlyConfigured(lines.complaint(kind, 0, Broken(f"there is no [[{kind}]]")))
    answers = []
    for place, entry in enumerate(entries):
        try:
            answers.append(_answer(entry, classes))
        except Broken as error:
            raise ImproperlyConfigured(lines.complaint(kind, place, error)) from error
    return tuple(answers)


def _explanation(entry: object) -> tuple[RefusalClass, dict[str, Explanation]]:
    if not isinstance(entry, dict) or set(entry) != {"class", *LANGUAGES}:
        raise Broken("an explanation has class, en and ru")
    try:
        refusal_class = RefusalClass(entry["class"])
    except ValueError as error:
        raise Broken(f"there is no class {entry['class']!r}", "class") from error
    for language in LANGUAGES:
        pair = entry[language]
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(s, str) and s for s in pair)):
            raise Broken(f"{language} is a sentence and a remedy", language)
    return refusal_class, {language: Explanation(entry[language]) for language in LANGUAGES}


def _answer(entry: object, classes: dict[str, RefusalClass]) -> KnownAnswer:
    if not isinstance(entry, dict) or not _WANTED <= set(entry) <= _ALLOWED:
        raise Broken(f"an answer has {', '.join(sorted(_WANTED))}, perhaps codes and enhanced, and no more")
    for key in sorted(_WANTED):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise Broken(f"{key} is a text", key)
    if entry["means"] not in classes:
        raise Broken(f"there is no explanation {entry['means']!r}", "means")
    codes, enhanced = _codes(entry, "codes", _CODE), _codes(entry, "enhanced", _ENHANCED)
    return KnownAnswer(
        pattern=_pattern(entry["match"]),
        codes=tuple(codes),
        enhanced=frozenset(enhanced),
        means=entry["means"],
        example=entry["example"],
        server=entry["server"],
    )


def _codes(entry: dict[str, Any], key: str, form: re.Pattern[str]) -> list[str]:
    codes = entry.get(key, [])
    if not isinstance(codes, list) or not all(isinstance(c, str) and form.fullmatch(c) for c in codes):
        raise Broken(f"{key} is a list of codes in quotes", key)
    return codes


def _pattern(text: str) -> re.Pattern[str]:
    if not text.isascii() or re.search(r"[A-Z]", _ESCAPE.sub("", text)):
        raise Broken("a pattern has ASCII characters in lower case only", "match")
    if _UNBOUNDED.search(text) or _LONG_REPEAT.search(text):
        raise Broken("a pattern has no * and +, and repeats at most {0,80} times", "match")
    try:
        pattern = re.compile(text, re.ASCII)
    except re.error as error:
        raise Broken(f"the pattern cannot be read: {error}", "match") from error
    if pattern.search(""):
        raise Broken("the pattern finds itself in every text", "match")
    return pattern


class _Lines:
    """Finds the line of a table in the file, which tomllib does not tell."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines = text.splitlines()

    def complaint(self, table: str, place: int, error: Broken) -> str:
        return f"{self._name}, line {self._find(table, place, error.key)}: {error}."

    def _find(self, table: str, place: int, key: str) -> int:
        """The line of the key in the table, or of the table's header."""
        starts = [n for n, line in enumerate(self._lines, 1) if _named(line) == table]
        if place >= len(starts):
            return 1
        start = starts[place]
        for number, line in enumerate(self._lines[start:], start + 1):
            if _HEADER.fullmatch(line):
                break
            if key and re.match(rf"\s*{key}\s*=", line):
                return number
        return start


def _named(line: str) -> str:
    header = _HEADER.fullmatch(line)
    return header[1] if header else ""
