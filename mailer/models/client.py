from typing import Self

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.models.attribute import validate_attributes
from mailer.models.owned import Owned, OwnedQuerySet
from people.address_fields import AddressField, AddressKeyField, HasAddress
from people.addresses import key_of
from people.models import User
from people.validators import validate_one_line
from site_config.ui.counting import CountUpTo
from site_config.ui.search import found

# From the stop-list to its clients: by itself SQLite looks each client up on the stop-list, which takes ten
# times as long.
_STOPPED_SQLITE = """
SELECT c.id FROM mailer_suppression s CROSS JOIN mailer_client c
WHERE c.owner_id = s.owner_id AND c.address_key = s.address_key
"""


class ClientQuerySet(OwnedQuerySet["Client"]):
    def get_by_natural_key(self, owner: str, email: str) -> "Client":  # type: ignore[override]
        return self.get(owner__email=owner, address_key=key_of(email))

    def with_suppression(self) -> Self:
        """Annotate `suppressed`: the reason why this client is not mailed, or null."""
        reasons = Suppression.objects.against_client().values("reason")[:1]
        return self.annotate(suppressed=models.Subquery(reasons))

    def mailable(self) -> Self:
        """Those that may be mailed."""
        return self.filter(~models.Exists(Suppression.objects.against_client()))

    def stopped(self, *reasons: str) -> Self:
        """Those on the stop-list, for one of these reasons if any is named."""
        if connection.vendor == "sqlite":
            among = f"AND s.reason IN ({', '.join(['%s'] * len(reasons))})" if reasons else ""
            return self.filter(pk__in=RawSQL(f"{_STOPPED_SQLITE} {among}", reasons))  # noqa: S611  (constants)
        against = Suppression.objects.against_client()
        return self.filter(models.Exists(against.filter(reason__in=reasons) if reasons else against))

    def search(self, text: str) -> Self:
        """Those whose address or name contains a text; see index_texts in the migrations."""
        return self.filter(found(("email", "full_name"), text))


class Client(HasAddress, Owned):
    """Who receives mail."""

    # A user does not wait for the deletion of a million clients: sending/leftovers.py.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        verbose_name=_("owner"),
        related_name="clients",
        db_constraint=False,
    )
    email = AddressField(_("email"))
    address_key = AddressKeyField()
    full_name = models.CharField(_("full name"), max_length=150, blank=True, validators=[validate_one_line])
    comment = models.TextField(_("comment"), max_length=2000, blank=True)
    attributes = models.JSONField(
        _("attributes"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        validators=[validate_attributes],
        help_text=_("By name: text, numbers, dates such as 2026-11-27, true or false."),
    )
    # As above: an import is deleted with its user, and may have made all of their clients.
    imported_in = models.ForeignKey(
        "mailer.ClientImport",
        models.DO_NOTHING,
        null=True,
        blank=True,
        editable=False,
        related_name="clients",
        db_constraint=False,
    )

    objects = ClientQuerySet.as_manager()

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ("full_name", "email", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "address_key"),
                name="mailer_client_address_unique",
                violation_error_message=_("You already have a client with this email."),
            ),
        )
        indexes = (
            models.Index(fields=("owner", "full_name", "email", "id"), name="mailer_client_by_name"),
            models.Index(fields=("owner", "created_at", "id"), name="mailer_client_by_date"),
        )

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>" if self.full_name else self.email

    def natural_key(self) -> tuple[str, ...]:
        return (self.owner.email, self.email)


class ClientGroupQuerySet(OwnedQuerySet["ClientGroup"]):
    def get_by_natural_key(self, owner: str, name: str) -> "ClientGroup":  # type: ignore[override]
        return self.get(owner__email=owner, name=name)

    def with_size(self) -> Self:
        """Annotate `size`: the number of clients in the group, counted up to a limit."""
        members = ClientGroup.clients.through.objects.filter(clientgroup_id=models.OuterRef("pk"))
        return self.annotate(size=CountUpTo(members))

    def picked(self) -> Self:
        """Groups that clients are put into by hand; the members of others follow from their rules."""
        return self.filter(rule__isnull=True)

    def topics(self) -> Self:
        """Those that clients can leave and join themselves."""
        return self.filter(is_topic=True).order_by("topic_name", "pk")


_ManyGroups = models.Manager.from_queryset(ClientGroupQuerySet)


class ClientGroups(_ManyGroups["ClientGroup"]):
    """Without those that are deleted; see audience.removal."""

    def get_queryset(self) -> ClientGroupQuerySet:
        return ClientGroupQuerySet(self.model, using=self._db).filter(removed_at=None)


class ClientGroup(Owned):
    """A named set of clients, picked by hand or by a rule; whoever joins later is in the next run."""

    # Nor for that of the memberships of large groups: removal.py.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        verbose_name=_("owner"),
        related_name="clientgroups",
        db_constraint=False,
    )
    name = models.CharField(
        pgettext_lazy("of a group", "name"), max_length=100, validators=[validate_one_line]
    )
    clients = models.ManyToManyField(Client, verbose_name=_("clients"), related_name="groups", blank=True)
    rule = models.JSONField(
        null=True, blank=True, editable=False, help_text="See mailer.audience.rules; none: picked by hand."
    )
    removed_at = models.DateTimeField(
        null=True, editable=False, help_text="It is deleted; its many memberships are still being removed."
    )

    is_topic = models.BooleanField(
        _("clients can leave and join it themselves"),
        default=False,
        help_text=_("By the link in each mail. They see the name and the description below."),
    )
    topic_name = models.CharField(
        _("name for recipients"), max_length=100, blank=True, validators=[validate_one_line]
    )
    topic_text = models.CharField(
        _("description for recipients"), max_length=300, blank=True, validators=[validate_one_line]
    )

    objects = ClientGroups()

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        ordering = ("name", "pk")
        constraints = (
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="mailer_group_name_unique",
                violation_error_message=_("You already have a group with this name."),
            ),
            models.CheckConstraint(
                name="mailer_group_topic_has_a_name",
                condition=Q(is_topic=False) | ~Q(topic_name="") & Q(rule__isnull=True),
                violation_error_message=_("Recipients need a name for this topic."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str, ...]:
        return (self.owner.email, self.name)


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def get_by_natural_key(self, owner: str, email: str) -> "Suppression":
        return self.get(owner__email=owner, address_key=key_of(email))

    def owned_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def visible_to(self, user: User) -> Self:
        return self.owned_by(user)

    def against_client(self) -> Self:
        """For a subquery in a query of clients: the suppressions of each."""
        return self.filter(owner_id=models.OuterRef("owner_id"), address_key=models.OuterRef("address_key"))

    def matching_address(self, email: str, owner_id: int) -> Self:
        """One owner's suppression of an address, in whatever spelling."""
        return self.filter(owner_id=owner_id, address_key=key_of(email))


class Suppression(HasAddress):
    """An address that one owner must not mail."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        BOUNCED = "bounced", _("hard bounce")
        COMPLAINED = "complained", _("complaint")
        ADDED = "added", _("added by hand")
        PAUSED = "paused", _("pause of 30 days")

    # What a recipient's own click has done, and a click can undo.
    BY_RECIPIENT = (Reason.UNSUBSCRIBED, Reason.COMPLAINED, Reason.PAUSED)

    class Why(models.TextChoices):
        """The reason a recipient gives for leaving."""

        TOO_OFTEN = "too_often", _("It comes too often.")
        NOT_FOR_ME = "not_for_me", _("It is not about what I care for.")
        NEVER_ASKED = "never_asked", _("I never asked for this.")

    # Not indexed alone: a worker's search for an address must not go through all of its owner's.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="suppressions", db_index=False
    )
    email = AddressField(_("email"))
    address_key = AddressKeyField()
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    why = models.CharField(
        _("what the recipient said"), max_length=20, choices=Why, blank=True, editable=False
    )
    attempt = models.ForeignKey(
        "mailer.Attempt",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="The run whose mail was the cause, where one knows it.",
    )
    until = models.DateTimeField(
        null=True, editable=False, help_text="When a pause ends: then the entry goes."
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("stop-list entry")
        verbose_name_plural = _("stop-list")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "address_key"),
                name="mailer_suppression_address_unique",
                violation_error_message=_("This address is already on the stop-list."),
            ),
            models.CheckConstraint(
                name="mailer_suppression_pause_ends",
                condition=Q(reason="paused", until__isnull=False) | ~Q(reason="paused") & Q(until=None),
                violation_error_message=_("Only a recipient can ask for a pause."),
            ),
        )
        indexes = (
            models.Index(fields=("created_at", "reason"), name="mailer_suppression_by_day"),
            models.Index(
                fields=("until",), name="mailer_suppression_pauses", condition=Q(until__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.get_reason_display()}"

    def natural_key(self) -> tuple[str, ...]:
        return (self.owner.email, self.email)
