"""The numbers on the home page."""

from dataclasses import dataclass

from django.db.models import Count, Sum

from content.cache import remember
from mailer.models import Attempt, Client, Mailing

SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Figures:
    mailings: int
    active: int
    clients: int
    sent: int


def figures() -> Figures:
    """Counted at most a minute ago."""
    return remember("figures", count, seconds=SECONDS)


def count() -> Figures:
    """All mailings; those that run and may; distinct addresses of clients; mails that were accepted."""
    return Figures(
        mailings=Mailing.objects.count(),
        active=Mailing.objects.allowed().filter(status=Mailing.Status.RUNNING).count(),
        clients=Client.objects.aggregate(number=Count("address_key", distinct=True))["number"],
        sent=Attempt.objects.aggregate(number=Sum("sent"))["number"] or 0,
    )
