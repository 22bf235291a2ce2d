"""What a check finds: how bad it is, a plain sentence, what to do, and where."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.db.models import TextChoices
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailer.composing.drafts import Written
from mailer.models import Format

MOST_OF_A_KIND = 10  # findings that a list names


class Severity(TextChoices):
    BAD = "bad", _("Fix this")
    WARN = "warn", _("Look at this")
    NOTE = "note", _("Good to know")
    FINE = "ok", _("Fine")


@dataclass(frozen=True, kw_only=True)
class Finding:
    severity: Severity
    text: str
    remedy: str = ""
    place: str = ""  # the id of an element of the editor's page
    number: int = 1  # of things found: the line that ends a long list stands for many

    @classmethod
    def bad(cls, text: str, remedy: str = "", place: str = "") -> Self:
        return cls(severity=Severity.BAD, text=text, remedy=remedy, place=place)

    @classmethod
    def warn(cls, text: str, remedy: str = "", place: str = "") -> Self:
        return cls(severity=Severity.WARN, text=text, remedy=remedy, place=place)

    @classmethod
    def note(cls, text: str, remedy: str = "", place: str = "") -> Self:
        return cls(severity=Severity.NOTE, text=text, remedy=remedy, place=place)

    @classmethod
    def fine(cls, text: str) -> Self:
        return cls(severity=Severity.FINE, text=text)

    def link(self, message_id: int) -> str:
        """The editor, opened at the place."""
        if not self.place:
            return ""
        block = f"?open={self.place}" if not self.place.startswith("id_") else ""
        return f"{reverse('message_edit', args=[message_id])}{block}#{self.place}"


def shortened(findings: Iterable[tuple[str, Finding]]) -> list[Finding]:
    """Findings about links, with their kinds: the first few of each kind, and how many more there are."""
    kinds: dict[tuple[str, Severity], list[Finding]] = {}
    for kind, finding in findings:
        kinds.setdefault((kind, finding.severity), []).append(finding)
    return [finding for alike in kinds.values() for finding in _first_few(alike)]


def _first_few(alike: list[Finding]) -> list[Finding]:
    more = len(alike) - MOST_OF_A_KIND
    if more <= 0:
        return alike
    text = ngettext("And %(number)s more link like these.", "And %(number)s more links like these.", more) % {
        "number": more
    }
    return [*alike[:MOST_OF_A_KIND], Finding(severity=alike[0].severity, text=text, number=more)]


def worst_first(findings: list[Finding]) -> list[Finding]:
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """How many there are of each severity that says something is wrong."""
    counts: dict[str, int] = {}
    for finding in findings:
        if finding.severity != Severity.FINE:
            counts[finding.severity.value] = counts.get(finding.severity.value, 0) + finding.number
    return counts


def place_of(written: Written, needle: str) -> str:
    """Where a message says something: the innermost block, the subject, or the body as a whole."""
    if needle and needle in written.subject:
        return "id_subject"
    if written.format != Format.BLOCKS:
        return "id_body"
    if needle and needle in written.content["preheader"]:
        return "id_preheader"
    return _block_with(written.content["blocks"], needle)


def _block_with(blocks: list[dict[str, object]], needle: str) -> str:
    for block in blocks:
        inner = [_block_with(column, needle) for column in block.get("columns", ())]  # type: ignore[attr-defined]
        if found := next(filter(None, inner), ""):
            return found
        if needle and any(needle in value for value in block.values() if isinstance(value, str)):
            return str(block["id"])
    return ""
