import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from mailer.models.mailing import Mailing
from mailer.models.message import Format

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from people.models import User


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def get_by_natural_key(self, key: str) -> "Attempt":
        return self.get(key=key)

    def owned_by(self, user: "User") -> Self:
        return self.filter(mailing__owner=user)

    def visible_to(self, user: "User") -> Self:
        return self if user.oversees else self.owned_by(user)

    def running(self) -> Self:
        return self.filter(status=Attempt.Status.RUNNING)

    def latest_of_each_mailing(self) -> Self:
        newer = Attempt.objects.filter(mailing=models.OuterRef("mailing")).order_by("-pk")
        return self.filter(pk=models.Subquery(newer.values("pk")[:1]))

    def in_state(self, state: str) -> Self:
        """Those in this state, as people see it; see Attempt.state."""
        if state == Attempt.State.HELD:
            return self.running().exclude(held_at=None)
        if state == Attempt.State.ALLOWANCE:
            return self.running().filter(held_at=None, problem_code=Attempt.ALLOWANCE)
        if state == Attempt.State.WAITING:
            waiting = self.running().filter(held_at=None).exclude(problem="")
            return waiting.exclude(problem_code=Attempt.ALLOWANCE)
        if state == Attempt.State.RUNNING:
            return self.running().filter(held_at=None, problem="")
        return self.filter(status=state)


def new_key() -> str:
    return uuid.uuid4().hex


class AttemptStatus(models.TextChoices):
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("succeeded")
    PARTLY = "partly", _("partly sent")
    FAILED = "failed", _("failed")


class Attempt(models.Model):
    """One run of a mailing, with the server's answers and exact counts.

    The counts change in the same transaction as the deliveries they count.
    """

    Status = AttemptStatus

    class State(models.TextChoices):
        """What people see: the status, or what keeps it from going on."""

        RUNNING = "running", _("running")
        WAITING = "waiting", _("waiting for the server")
        ALLOWANCE = "allowance", _("allowance used up")
        HELD = "held", _("on hold")
        SUCCEEDED = "succeeded", _("succeeded")
        PARTLY = "partly", _("partly sent")
        FAILED = "failed", _("failed")

    ALLOWANCE = "allowance"  # the problem_code while the owner's allowance is used up

    mailing = models.ForeignKey(Mailing, models.CASCADE, verbose_name=_("mailing"), related_name="attempts")
    scheduled_for = models.DateTimeField(_("due"))
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    server_response = models.TextField(_("server's answer"), blank=True)
    answers = models.JSONField(default=dict, help_text="The server's answers and how often each came.")
    subject = models.CharField(_("subject"), max_length=200)
    format = models.CharField(_("format"), max_length=10, choices=Format, default=Format.HTML)
    body = models.TextField(_("body"))
    attachments = models.JSONField(default=list, editable=False, help_text="The files that it sends.")
    from_address = models.CharField(
        max_length=320, blank=True, help_text="The sender's own address; the service's if empty."
    )
    reply_to = models.CharField(max_length=320, blank=True, help_text="Its owner's address if empty.")
    key = models.CharField(max_length=32, default=new_key, unique=True, editable=False)
    by_hand = models.BooleanField(default=False, help_text="Its owner pressed “Run now”.")
    missed = models.PositiveIntegerField(_("missed runs"), default=0)
    problem = models.TextField(_("problem"), blank=True, help_text="Why nothing is being sent just now.")
    problem_code = models.CharField(
        max_length=40, blank=True, help_text="Which known answer the problem is, for its explanation."
    )
    held_at = models.DateTimeField(null=True, help_text="Stopped until a person has looked at the problem.")
    setbacks = models.PositiveSmallIntegerField(
        default=0, help_text="How often in a row its mail made the server break off."
    )
    resumes_at = models.DateTimeField(null=True, help_text="Not sent before, after a setback.")
    pruned_at = models.DateTimeField(null=True, help_text="Since when its deliveries are no longer kept.")

    follows = models.OneToOneField(
        "self",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="followed_by",
        help_text="The run whose unreached recipients this one is for.",
    )

    total = models.PositiveIntegerField(_("recipients"), default=0)
    sent = models.PositiveIntegerField(_("sent"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    expired = models.PositiveIntegerField(_("expired"), default=0)
    possibly_twice = models.PositiveIntegerField(_("possibly twice"), default=0)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ("-scheduled_for", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("mailing", "scheduled_for"), name="mailer_attempt_once_per_occurrence"
            ),
            models.UniqueConstraint(
                fields=("mailing",),
                name="mailer_attempt_one_running",
                condition=Q(status=AttemptStatus.RUNNING),
            ),
            models.CheckConstraint(
                name="mailer_attempt_counts_fit",
                condition=Q(total__gte=F("sent") + F("failed") + F("skipped") + F("expired")),
            ),
        )
        indexes = (
            models.Index(fields=("status", "started_at"), name="mailer_attempt_by_status"),
            models.Index(fields=("-scheduled_for", "-id"), name="mailer_attempt_of_all"),
        )

    def __str__(self) -> str:
        return f"{self.subject} ({self.scheduled_for:%Y-%m-%d %H:%M} UTC)"

    def natural_key(self) -> tuple[str]:
        return (self.key,)

    @property
    def state(self) -> str:
        if self.status != self.Status.RUNNING:
            return self.status
        if self.held_at:
            return self.State.HELD
        if self.problem_code == self.ALLOWANCE:
            return self.State.ALLOWANCE
        return self.State.WAITING if self.problem else self.State.RUNNING

    @property
    def goes_on(self) -> bool:
        """Whether its figures can change by themselves now."""
        return self.state in (self.State.RUNNING, self.State.WAITING)

    def shows_addresses_to(self, user: "User | AnonymousUser | None") -> bool:
        """Whether a user may see its recipients: the owner and superusers; managers see a number."""
        return bool(user and (user.is_superuser or user.pk == self.mailing.owner_id))

    @staticmethod
    def outcome(*, sent: int, unsent: int) -> AttemptStatus:
        """Succeeded: every mail was handed over. Partly: some were. Failed: none was, or there was nobody."""
        if not sent:
            return Attempt.Status.FAILED
        return Attempt.Status.PARTLY if unsent else Attempt.Status.SUCCEEDED

    @property
    def seconds(self) -> float:
        """How long it took, once it has finished."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else 0.0

    @property
    def per_minute(self) -> int:
        """Mails handed over or refused per minute, on average; None if it finished at once."""
        return round((self.sent + self.failed) / self.seconds * 60) if self.seconds >= 1 else 0

    @property
    def done(self) -> int:
        return self.sent + self.failed + self.skipped + self.expired

    @property
    def waiting(self) -> int:
        return self.total - self.done


class Lease(models.Model):
    """One worker's right to send for an attempt; a large one has several, each with its own claims.

    Queued: a task with this token waits in the queue. Running: a worker holds it and renews `expires_at`;
    once that has passed, the worker is gone and its deliveries go back to the queue.
    """

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="leases")
    seat = models.PositiveSmallIntegerField(default=0, help_text="One worker's place beside the others'.")
    token = models.CharField(max_length=32, unique=True, default=new_key)
    running = models.BooleanField(default=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("attempt", "seat"), name="mailer_lease_one_per_seat"),)

    def __str__(self) -> str:
        return f"{self.attempt_id}/{self.seat}: {'running' if self.running else 'queued'}"
