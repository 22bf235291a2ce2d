"""What recipients do not want from one sender, short of wanting nothing at all (a Suppression)."""

import hashlib
import hmac
from collections.abc import Callable
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
        """What one owner's recipient with this address has left."""
        return self.filter(owner_id=owner_id, address_key=key_of(email))

    def from_mailing(self, mailing_id: int) -> Self:
        """For a subquery in a query of clients: whether each has left this mailing."""
        return self.filter(mailing_id=mailing_id, address_key=models.OuterRef("address_key"))


class OptOut(models.Model):
    """An address that left one mailing, or one topic, and still gets the rest.

    By address and not by client: deleting a client and importing it again does not undo it.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="opt_outs", db_index=False
    )
    email = AddressField(_("email"))
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


def digests(owner_id: int, key: str) -> list[str]:
    """A keyed hash of an address, under this secret and under earlier ones."""
    text = f"{owner_id} {key}".encode()
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [
        hmac.new(f"mailer.forgotten{secret}".encode(), text, hashlib.sha256).hexdigest() for secret in secrets
    ]


class ForgottenQuerySet(models.QuerySet["Forgotten"]):
    def owned_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def matching_address(self, email: str, owner_id: int) -> Self:
        return self.filter(owner_id=owner_id, digest__in=digests(owner_id, key_of(email)))

    def knows(self, owner_id: int) -> Callable[[str], bool]:
        """Tell of the keys of many addresses whether each is one of these, by one query for all."""
        known = frozenset(self.filter(owner_id=owner_id).values_list("digest", flat=True))
        if not known:
            return lambda _key: False
        return lambda key: not known.isdisjoint(digests(owner_id, key))


class Forgotten(models.Model):
    """Somebody whom one owner no longer knows: a keyed hash, so that no import brings the address back."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="forgotten", db_index=False
    )
    digest = models.CharField(max_length=64)
    email = models.EmailField(blank=True, help_text="Only until everything is erased.")
    by_recipient = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    alive_at = models.DateTimeField(null=True, help_text="When the worker that erases last said so.")
    done_at = models.DateTimeField(null=True)

    objects = ForgottenQuerySet.as_manager()

    class Meta:
        verbose_name = _("forgotten person")
        verbose_name_plural = _("forgotten people")
        constraints = (
            models.UniqueConstraint(fields=("owner", "digest"), name="mailer_forgotten_once"),
            models.CheckConstraint(
                name="mailer_forgotten_holds_no_address", condition=Q(done_at=None) | Q(email="")
            ),
        )
        indexes = (
            models.Index(fields=("id",), name="mailer_forgotten_under_way", condition=Q(done_at=None)),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"
