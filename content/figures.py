"""The numbers on the home page."""

from dataclasses import dataclass

from django.db.models import Sum

from content.cache import remember
from mailer.models import Attempt, Mailing
from mailer.reporting.unique_clients import unique_clients
from site_config.ui.counting import UpTo

SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Figures:
    mailings: int
    active: int
    clients: UpTo
    sent: int


def figures() -> Figures:
    """Counted at most a minute ago."""
    return remember("figures", count, seconds=SECONDS)


def count() -> Figures:
    """All mailings; those that run and may; distinct addresses of clients; mails that were accepted."""
    return Figures(
        mailings=Mailing.objects.count(),
        active=Mailing.objects.allowed().filter(status=Mailing.Status.RUNNING).count(),
        clients=unique_clients(),
        sent=Attempt.objects.aggregate(number=Sum("sent"))["number"] or 0,
    )
