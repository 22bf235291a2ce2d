"""The numbers on the home page."""

from content.cache import remember
from mailer.reporting.service import ServiceFigures, service_figures

SECONDS = 60


def figures() -> ServiceFigures:
    """Counted at most a minute ago."""
    return remember("figures", service_figures, seconds=SECONDS)
