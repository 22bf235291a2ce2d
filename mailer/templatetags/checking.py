from typing import Any

from django import template
from django.utils.translation import gettext as _

from mailer.checking.findings import Finding, Severity

register = template.Library()


@register.filter
def place_in(finding: Finding, message: Any) -> str:
    """Where in the editor to mend what was found."""
    return finding.link(message.pk)


@register.filter
def summed_up(findings: list[Finding]) -> str:
    """“2 × fix this, 1 × look at this”, or that nothing was found."""
    counts = [(severity, sum(found.severity == severity for found in findings)) for severity in Severity]
    told = [f"{severity.label}: {count}" for severity, count in counts if count and severity != Severity.FINE]
    return ", ".join(told) or _("nothing found")
