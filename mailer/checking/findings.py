"""What a check finds: how bad it is, a plain sentence, what to do, and where."""

from dataclasses import dataclass
from typing import Self

from django.db.models import TextChoices
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailer.composing.drafts import Written
from mailer.models import Format


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


def worst_first(findings: list[Finding]) -> list[Finding]:
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


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
