from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.models.owned import Owned, OwnedQuerySet
from people.models import User
from people.validators import validate_one_line


class ClientQuerySet(OwnedQuerySet["Client"]):
    def get_by_natural_key(self, owner: str, email: str) -> "Client":  # type: ignore[override]
        return self.alias(key=Lower("email")).get(owner__email=owner, key=email.lower())

    def with_suppression(self) -> Self:
        """Annotate `suppressed`: the reason this client is not mailed, or null."""
        reasons = Suppression.objects.against_client().values("reason")[:1]
        return self.annotate(suppressed=models.Subquery(reasons))


class Client(Owned):
    """Who receives mail."""

    email = models.EmailField(_("e-mail"), validators=[validate_one_line])
    full_name = models.CharField(_("full name"), max_length=150, blank=True, validators=[validate_one_line])
    comment = models.TextField(_("comment"), max_length=2000, blank=True)
    imported_in = models.ForeignKey(
        "mailer.ClientImport", models.SET_NULL, null=True, blank=True, editable=False, related_name="clients"
    )

    objects = ClientQuerySet.as_manager()

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ("full_name", "email", "pk")
        constraints = (
            models.UniqueConstraint(
                "owner",
                Lower("email"),
                name="mailer_client_email_unique",
                violation_error_message=_("You have a client with this e-mail already."),
            ),
        )
        indexes = (models.Index(fields=("owner", "full_name", "email", "id"), name="mailer_client_by_name"),)

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>" if self.full_name else self.email

    def natural_key(self) -> tuple[str, ...]:
        return (self.owner.email, self.email)


class ClientGroupQuerySet(OwnedQuerySet["ClientGroup"]):
    def get_by_natural_key(self, owner: str, name: str) -> "ClientGroup":  # type: ignore[override]
        return self.get(owner__email=owner, name=name)

    def with_size(self) -> Self:
        """Annotate `size`: the number of clients in the group."""
        members = ClientGroup.clients.through.objects.filter(clientgroup_id=models.OuterRef("pk"))
        size = members.order_by().values("clientgroup_id").annotate(size=models.Count("pk"))
        size_only = size.values("size")  # type: ignore[misc]  # annotations are not seen
        return self.annotate(size=Coalesce(models.Subquery(size_only), 0))


class ClientGroup(Owned):
    """A named set of clients; who joins later is included in the next run."""

    name = models.CharField(
        pgettext_lazy("of a group", "name"), max_length=100, validators=[validate_one_line]
    )
    clients = models.ManyToManyField(Client, verbose_name=_("clients"), related_name="groups", blank=True)

    objects = ClientGroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        ordering = ("name", "pk")
        constraints = (
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="mailer_group_name_unique",
                violation_error_message=_("You have a group with this name already."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str, ...]:
        return (self.owner.email, self.name)


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def get_by_natural_key(self, owner: str, email: str) -> "Suppression":
        return self.alias(key=Lower("email")).get(owner__email=owner, key=email.lower())

    def owned_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def visible_to(self, user: User) -> Self:
        return self.owned_by(user)

    def matching(self, email: models.F | models.Value, owner: models.F | int) -> Self:
        """The suppression one owner has against an address, whatever its case."""
        return self.alias(key=Lower("email")).filter(owner_id=owner, key=Lower(email))

    def against_client(self) -> Self:
        """For a subquery in a query of clients: what is against each of them."""
        return self.matching(models.OuterRef("email"), models.OuterRef("owner_id"))

    def matching_address(self, email: str, owner_id: int) -> Self:
        return self.matching(models.Value(email), owner_id)


class Suppression(models.Model):
    """An address that must not be mailed for one owner."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        BOUNCED = "bounced", _("hard bounce")
        COMPLAINED = "complained", _("complaint")
        ADDED = "added", _("added by hand")

    # Not indexed by itself: a worker's search for an address must not be led to all of its owner's.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="suppressions", db_index=False
    )
    email = models.EmailField(_("e-mail"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = (
            models.UniqueConstraint(
                "owner",
                Lower("email"),
                name="mailer_suppression_unique",
                violation_error_message=_("This address is suppressed already."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.get_reason_display()}"

    def natural_key(self) -> tuple[str, ...]:
        return (self.owner.email, self.email)
