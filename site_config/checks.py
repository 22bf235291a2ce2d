"""What `check --deploy` checks besides Django's own."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def proxies_are_counted(**_kwargs: Any) -> list[CheckMessage]:
    """Behind an uncounted proxy, all visitors share one address and its limits."""
    if settings.TRUSTED_PROXIES_GIVEN:
        return []
    text = (
        "TRUSTED_PROXIES is not set. Behind a proxy all visitors then count as one: thirty wrong log-ins "
        "of a stranger keep everybody out."
    )
    hint = "Set it to the number of proxies that are yours, and to 0 if there is none."
    return [Warning(text, hint=hint, id="site_config.W001")]
