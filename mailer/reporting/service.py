"""What the whole service may tell anybody about itself."""

from dataclasses import dataclass

from django.db.models import Sum

from mailer.models import Attempt, Mailing
from mailer.reporting.unique_clients import unique_clients
from site_config.ui.counting import UpTo


@dataclass(frozen=True, kw_only=True)
class ServiceFigures:
    mailings: int
    active: int
    clients: UpTo
    sent: int


def service_figures() -> ServiceFigures:
    """All mailings; the active ones; distinct addresses of clients; mails that were accepted."""
    return ServiceFigures(
        mailings=Mailing.objects.count(),
        active=Mailing.objects.allowed().filter(status=Mailing.Status.RUNNING).count(),
        clients=unique_clients(),
        sent=Attempt.objects.aggregate(number=Sum("sent"))["number"] or 0,
    )
