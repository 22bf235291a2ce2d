"""What recipients do not want of one sender, apart from wanting nothing at all (that is a Suppression)."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mailer.models.client import ClientGroup
from mailer.models.mailing import Mailing
from people.address_fields import AddressField, AddressKeyField
from people.addresses import key_of
from people.models import User


class OptOutQuerySet(models.QuerySet["OptOut"]):
    def owned_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def visible_to(self, user: User) -> Self:
        return self.owned_by(user)

    def matching_address(self, email: str, owner_id: int) -> Self:
        """What one owner's recipient of an address has left."""
        return self.filter(owner_id=owner_id, address_key=key_of(email))

    def from_mailing(self, mailing_id: int) -> Self:
        """For a subquery in a query of clients: whether each has left this mailing."""
        return self.filter(mailing_id=mailing_id, address_key=models.OuterRef("address_key"))


class OptOut(models.Model):
    """An address that left one mailing, or one topic, and still gets the rest.

    By address and not by client: deleting a client and importing it again brings nobody back.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="opt_outs", db_index=False
    )
    email = AddressField(_("e-mail"))
    address_key = AddressKeyField()
    mailing = models.ForeignKey(
        Mailing, models.CASCADE, null=True, verbose_name=_("mailing"), related_name="opt_outs", db_index=False
    )
    group = models.ForeignKey(
        ClientGroup,
        models.CASCADE,
        null=True,
        verbose_name=_("topic"),
        related_name="opt_outs",
        db_index=False,
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects = OptOutQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing or topic somebody left")
        verbose_name_plural = _("mailings and topics people left")
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("mailing", "address_key"),
                name="mailer_optout_once_a_mailing",
                condition=Q(mailing__isnull=False),
            ),
            models.UniqueConstraint(
                fields=("group", "address_key"),
                name="mailer_optout_once_a_topic",
                condition=Q(group__isnull=False),
            ),
            models.CheckConstraint(
                name="mailer_optout_of_one_thing",
                condition=Q(mailing__isnull=False, group=None) | Q(mailing=None, group__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=("owner", "address_key"), name="mailer_optout_by_address"),
            models.Index(fields=("owner", "-created_at", "-id"), name="mailer_optout_by_date"),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.mailing or self.group}"
