from typing import Any

from django import template
from django.utils.translation import gettext as _

from mailer.checking.findings import Finding, Severity, counted

register = template.Library()


@register.filter
def place_in(finding: Finding, message: Any) -> str:
    """Where in the editor to mend what was found."""
    return finding.link(message.pk)


@register.filter
def summed_up(findings: list[Finding]) -> str:
    """“2 × fix this, 1 × look at this”, or that nothing was found."""
    return in_words(counted(findings))


@register.filter
def in_words(counts: dict[str, int]) -> str:
    """The same of numbers alone, by severity."""
    counted = [f"{severity.label}: {counts[severity]}" for severity in Severity if counts.get(severity)]
    return ", ".join(counted) or _("nothing found")
