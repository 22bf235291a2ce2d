"""Whom mail may be from: domains that a user has verified, and addresses for replies."""

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from mailer.models.owned import Owned, OwnedQuerySet
from people.address_fields import AddressField, AddressKeyField, HasAddress

MOST_DOMAINS, MOST_ADDRESSES = 20, 20  # per user


def new_token() -> str:
    return secrets.token_hex(16)


class DomainState(models.TextChoices):
    PENDING = "pending", _("not verified yet")
    PROVED = "proved", _("verified")
    LOST = "lost", _("no longer verified")


class SenderDomain(Owned):
    """A domain and the token by which its owner verifies it; every user has a different token."""

    State = DomainState

    domain = models.CharField(_("domain"), max_length=253, help_text="In letters, digits and hyphens.")
    token = models.CharField(max_length=32, default=new_token, editable=False)
    state = models.CharField(max_length=10, choices=DomainState, default=DomainState.PENDING, editable=False)
    requested_at = models.DateTimeField(null=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    missing_since = models.DateTimeField(
        null=True, editable=False, help_text="Since when the record is gone."
    )
    no_answer = models.BooleanField(default=False, editable=False, help_text="No DNS server answered.")
    observations = models.JSONField(default=list, editable=False, help_text="SPF, DKIM and DMARC, as codes.")

    objects = OwnedQuerySet["SenderDomain"].as_manager()

    class Meta:
        verbose_name = _("sender's domain")
        verbose_name_plural = _("senders' domains")
        ordering = ("domain", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "domain"),
                name="mailer_senderdomain_unique",
                violation_error_message=_("You already have this domain."),
            ),
        )
        indexes = (models.Index(fields=("checked_at",), name="mailer_senderdomain_by_check"),)

    def __str__(self) -> str:
        return self.domain

    @property
    def record_name(self) -> str:
        return f"_mailings.{self.domain}"

    @property
    def record_value(self) -> str:
        return f"mailings-proof={self.token}"

    @property
    def is_proved(self) -> bool:
        return self.state == DomainState.PROVED


class ReplyAddress(HasAddress, Owned):
    """An address that replies go to; it counts once its reader has agreed."""

    email = AddressField(_("email"))
    address_key = AddressKeyField()
    confirmed_at = models.DateTimeField(null=True, editable=False)

    objects = OwnedQuerySet["ReplyAddress"].as_manager()

    class Meta:
        verbose_name = _("address for replies")
        verbose_name_plural = _("addresses for replies")
        ordering = ("email", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "address_key"),
                name="mailer_replyaddress_unique",
                violation_error_message=_("You already have this address."),
            ),
        )

    def __str__(self) -> str:
        return str(self.email)
