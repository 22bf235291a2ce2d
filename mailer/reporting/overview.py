"""What a signed-in user sees first: what is being sent, and what comes next."""

from dataclasses import dataclass

from mailer.models import Attempt, Mailing
from people.models import User

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Overview:
    running: list[Attempt]
    coming: list[Mailing]
    latest: list[Attempt]


def overview_of(user: User) -> Overview:
    """The runs and dates that the user may see, in three queries however many there are."""
    attempts = Attempt.objects.visible_to(user).select_related("mailing")
    coming = Mailing.objects.visible_to(user).allowed().filter(next_run_at__isnull=False)
    finished = attempts.filter(finished_at__isnull=False)
    return Overview(
        running=list(attempts.running().order_by("-started_at", "-pk")[:SHOWN]),
        coming=list(coming.select_related("message").order_by("next_run_at", "pk")[:SHOWN]),
        latest=list(finished.order_by("-finished_at", "-pk")[:SHOWN]),
    )
