"""What a signed-in user sees first: what is being sent, what comes next, what needs attention."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailer.models import Attempt, Client, Mailing, Message
from people.models import User
from site_config.ui.counting import UpTo, count

SHOWN = 5
RECENT = timedelta(days=30)
FRESH = timedelta(days=7)  # older failures no longer need attention


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`sent` and `failed` count the mails of the last 30 days."""

    clients: UpTo
    mailings: UpTo
    sent: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Step:
    title: str | Promise
    done: bool
    url_name: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    running: list[Attempt]
    coming: list[Mailing]
    attention: list[Attempt]
    latest: list[Attempt]
    figures: Figures
    steps: list[Step]

    @property
    def steps_left(self) -> bool:
        return not all(step.done for step in self.steps)


def overview_of(user: User) -> Overview:
    """The runs and dates that the user may see, in a constant number of queries."""
    now = timezone.now()
    attempts = Attempt.objects.visible_to(user).select_related("mailing")
    coming = Mailing.objects.visible_to(user).allowed().filter(next_run_at__isnull=False)
    finished = attempts.filter(finished_at__isnull=False)
    failed = Q(status=Attempt.Status.FAILED, finished_at__gte=now - FRESH)
    stopped = Q(held_at__isnull=False, finished_at__isnull=True)
    figures = _figures(user, since=now - RECENT)
    return Overview(
        running=list(attempts.running().order_by("-started_at", "-pk")[:SHOWN]),
        coming=list(coming.select_related("message").order_by("next_run_at", "pk")[:SHOWN]),
        attention=list(attempts.filter(failed | stopped).order_by("-started_at", "-pk")[:SHOWN]),
        latest=list(finished.order_by("-finished_at", "-pk")[:SHOWN]),
        figures=figures,
        steps=[] if user.only_watches else _steps(user, figures),
    )


def _figures(user: User, *, since: object) -> Figures:
    recent = Attempt.objects.visible_to(user).filter(started_at__gte=since)
    mails = recent.aggregate(sent=Sum("sent"), failed=Sum("failed"))
    return Figures(
        clients=count(Client.objects.visible_to(user)),
        mailings=count(Mailing.objects.visible_to(user)),
        sent=mails["sent"] or 0,
        failed=mails["failed"] or 0,
    )


def _steps(user: User, figures: Figures) -> list[Step]:
    """The way from an account to the first mailing; whoever is here has confirmed their address."""
    wrote = Message.objects.owned_by(user).exists()
    return [
        Step(title=_("Confirm your email address"), done=True, url_name="account_email"),
        Step(title=_("Add the people you write to"), done=figures.clients > 0, url_name="clients"),
        Step(title=_("Write a message"), done=wrote, url_name="message_create"),
        Step(title=_("Schedule a mailing"), done=figures.mailings > 0, url_name="mailing_create"),
    ]
