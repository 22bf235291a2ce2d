from datetime import datetime
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.models.client import Client, ClientGroup
from mailer.models.message import Message
from mailer.models.owned import Owned, OwnedQuerySet
from mailer.models.sender import ReplyAddress, SenderDomain
from mailer.schedule import Schedule
from people.models import User, validate_zone
from people.validators import validate_one_line

if TYPE_CHECKING:
    from mailer.models.attempt import Attempt


class MailingQuerySet(OwnedQuerySet["Mailing"]):
    def visible_to(self, user: User) -> Self:
        return self if user.oversees else self.owned_by(user)

    def with_runs(self) -> Self:
        """Annotate `runs`: how often the mailing has run."""
        attempts = apps.get_model("mailer", "Attempt").objects.filter(mailing=models.OuterRef("pk"))
        counted = attempts.order_by().values("mailing").annotate(number=models.Count("pk"))
        return self.annotate(runs=Coalesce(models.Subquery(counted.values("number")), 0))

    def in_state(self, state: str) -> Self:
        """Those in this state, as people see it; see Mailing.state."""
        enabled = self.filter(disabled_at=None)
        if state == Mailing.State.DISABLED:
            return self.exclude(disabled_at=None)
        if state == Mailing.State.PAUSED:
            return enabled.exclude(paused_at=None).exclude(status=Mailing.Status.FINISHED)
        if state != Mailing.Status.FINISHED:
            enabled = enabled.filter(paused_at=None)
        return enabled.filter(status=state)

    def allowed(self) -> Self:
        """Not paused, not disabled, the owner not blocked."""
        return self.filter(paused_at=None, disabled_at=None, owner__is_active=True)

    def due(self, now: datetime) -> Self:
        """Those whose next run is due."""
        ready = Q(opening_retry_at=None) | Q(opening_retry_at__lte=now)
        return self.allowed().filter(ready, next_run_at__lte=now)


class Mailing(Owned):
    """One message to many clients, once or repeatedly between a start and an end."""

    class Period(models.TextChoices):
        ONCE = "once", _("once")
        DAILY = "daily", _("every day")
        WEEKLY = "weekly", _("every week")
        MONTHLY = "monthly", _("every month")

    class Status(models.TextChoices):
        CREATED = "created", _("scheduled")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")

    class State(models.TextChoices):
        """What people see: the status, or a switch that overrides it."""

        CREATED = "created", _("scheduled")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DISABLED = "disabled", _("disabled")
        FINISHED = "finished", _("finished")

    name = models.CharField(
        pgettext_lazy("of a mailing", "name"),
        max_length=200,
        blank=True,
        validators=[validate_one_line],
        help_text=_(
            "For you and your colleagues; recipients do not see it. If empty, the message's subject is used."
        ),
    )
    message = models.ForeignKey(Message, models.PROTECT, verbose_name=_("message"), related_name="mailings")
    clients = models.ManyToManyField(Client, verbose_name=_("clients"), related_name="mailings", blank=True)
    groups = models.ManyToManyField(
        ClientGroup, verbose_name=_("groups"), related_name="mailings", blank=True
    )
    excluded = models.ManyToManyField(
        ClientGroup, verbose_name=_("all but"), related_name="excluded_from", blank=True
    )
    each_once = models.BooleanField(_("each client only once, whatever the run"), default=False)
    starts_at = models.DateTimeField(_("start"))
    ends_at = models.DateTimeField(_("end"), null=True, blank=True)
    period = models.CharField(_("repeat"), max_length=10, choices=Period, default=Period.ONCE)
    time_zone = models.CharField(_("time zone"), max_length=64, validators=[validate_zone])
    from_domain = models.ForeignKey(
        SenderDomain,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("domain of the sender's address"),
        related_name="mailings",
    )
    from_local = models.CharField(_("sender's address"), max_length=64, blank=True)
    reply_to = models.ForeignKey(
        ReplyAddress,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("replies go to"),
        related_name="mailings",
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.CREATED)
    next_run_at = models.DateTimeField(_("next run"), null=True, editable=False)
    opening_problem = models.TextField(
        blank=True, editable=False, help_text="Why its last run could not be opened."
    )
    opening_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    opening_retry_at = models.DateTimeField(null=True, editable=False)
    paused_at = models.DateTimeField(_("paused"), null=True, editable=False)
    disabled_at = models.DateTimeField(_("disabled"), null=True, editable=False)
    disabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    disabled_reason = models.CharField(_("reason"), max_length=500, blank=True)

    objects = MailingQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        ordering = ("-starts_at", "-pk")
        permissions = (
            ("see_all_mailings", "Can see the mailings of all users"),
            ("disable_mailing", "Can disable and enable a mailing"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(starts_at__lt=F("ends_at")),
                name="mailer_mailing_starts_before_it_ends",
                violation_error_message=_("The end must be later than the start."),
            ),
        )
        indexes = (
            models.Index(
                fields=("next_run_at",),
                name="mailer_mailing_next_run",
                condition=Q(next_run_at__isnull=False),
            ),
            models.Index(fields=("owner", "-starts_at", "-id"), name="mailer_mailing_by_start"),
            models.Index(fields=("-starts_at", "-id"), name="mailer_mailing_of_all"),
        )

    def __str__(self) -> str:
        return self.name or str(self.message)

    def get_absolute_url(self) -> str:
        return reverse("mailing_detail", args=[self.pk])

    @property
    def last_run(self) -> "Attempt | None":
        """The latest attempt, if a list has fetched it for all its rows."""
        latest: list[Attempt] = getattr(self, "latest", [])
        return latest[0] if latest else None

    @property
    def comes_at(self) -> datetime | None:
        """When it runs next, as people are told: while a switch keeps it from running, it does not."""
        return self.next_run_at if self.is_switched_on else None

    @property
    def is_switched_on(self) -> bool:
        """Neither its owner nor a manager has stopped it."""
        return not self.paused_at and not self.disabled_at

    def has_ended(self, now: datetime) -> bool:
        """Whether its end has passed; without an end it goes on until its owner stops it."""
        return self.ends_at is not None and self.ends_at <= now

    @property
    def from_address(self) -> str:
        """Its own sender's address while its domain is proved; else the service's is used."""
        if self.from_domain and self.from_domain.is_proved and self.from_local:
            return f"{self.from_local}@{self.from_domain.domain}"
        return ""

    @property
    def reply_address(self) -> str:
        """Where replies go, if it is not its owner's address."""
        return self.reply_to.email if self.reply_to and self.reply_to.confirmed_at else ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def state(self) -> str:
        """A switch overrides the status."""
        if self.disabled_at:
            return self.State.DISABLED
        if self.paused_at and self.status != self.Status.FINISHED:
            return self.State.PAUSED
        return self.status

    @property
    def schedule(self) -> Schedule:
        return Schedule(starts_at=self.starts_at, ends_at=self.ends_at, period=self.period, zone=self.zone)

    def settle_status(self, *, now: datetime, running: bool | None = None) -> None:
        """Bring a locked mailing's status in line with the clock and the work done.

        `running`: whether it has a run that is not over, where that is known.
        """
        if self.attempts.running().exists() if running is None else running:
            status = self.Status.RUNNING
        elif self.next_run_at is None:
            status = self.Status.FINISHED
        else:
            status = self.Status.RUNNING if self.starts_at <= now else self.Status.CREATED
        Mailing.objects.filter(pk=self.pk).exclude(status=status).update(status=status)
