"""Forms by which people put themselves on a list, who asked, and what they agreed to."""

import secrets
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailer.models.attribute import Attribute
from mailer.models.client import Client, ClientGroup
from mailer.models.owned import Owned, OwnedQuerySet
from people.address_fields import AddressField, AddressKeyField
from people.validators import validate_one_line

MOST_SITES = 10


def new_slug() -> str:
    return secrets.token_urlsafe(9)


def new_key() -> str:
    return secrets.token_urlsafe(24)


def validate_sites(text: str) -> None:
    """Raise ValidationError unless each line is the origin of a site, such as https://shop.example."""
    lines = text.split()
    if len(lines) > MOST_SITES:
        raise ValidationError(_("At most %(limit)s sites."), params={"limit": MOST_SITES})
    for line in lines:
        if not _is_origin(line):
            raise ValidationError(
                _(
                    "“%(site)s” is not the beginning of a site's address. Enter one such as https://shop.example."
                ),
                params={"site": line[:100]},
            )


def _is_origin(text: str) -> bool:
    """ASCII only: the text is part of a header."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = host.isascii() and host.replace("-", "").replace(".", "").isalnum()
    usual = f"{parts.scheme}://{host}{f':{port}' if port else ''}"
    return parts.scheme in ("https", "http") and plain and text.lower() == usual


class SubscriptionForm(Owned):
    """A page, and a frame for other sites, on which people ask for mail."""

    slug = models.CharField(max_length=20, unique=True, default=new_slug, editable=False)
    name = models.CharField(
        pgettext_lazy("of a sign-up form", "name"), max_length=100, validators=[validate_one_line]
    )
    title = models.CharField(gettext_lazy("heading"), max_length=150, validators=[validate_one_line])
    text = models.TextField(gettext_lazy("text"), max_length=1000, blank=True)
    language = models.CharField(gettext_lazy("language"), max_length=10, choices=settings.LANGUAGES)
    groups = models.ManyToManyField(
        ClientGroup, verbose_name=gettext_lazy("groups"), related_name="forms", blank=True
    )
    topics = models.ManyToManyField(
        ClientGroup, verbose_name=gettext_lazy("topics to choose from"), related_name="+", blank=True
    )
    asks_name = models.BooleanField(gettext_lazy("ask for the name"), default=True)
    attributes = models.ManyToManyField(
        Attribute, verbose_name=gettext_lazy("attributes to ask for"), related_name="+", blank=True
    )
    data_wording = models.TextField(
        gettext_lazy("consent to the use of data"), max_length=500, validators=[validate_one_line]
    )
    ads_wording = models.TextField(
        gettext_lazy("consent to advertising"), max_length=500, validators=[validate_one_line]
    )
    wording_version = models.PositiveIntegerField(default=1, editable=False)
    sites = models.TextField(
        gettext_lazy("sites that may embed it"), max_length=1000, blank=True, validators=[validate_sites]
    )
    is_open = models.BooleanField(gettext_lazy("open"), default=True)

    objects = OwnedQuerySet["SubscriptionForm"].as_manager()

    class Meta:
        verbose_name = gettext_lazy("sign-up form")
        verbose_name_plural = gettext_lazy("sign-up forms")
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def may_be_used(self) -> bool:
        return self.is_open and self.owner.is_active


class SubscriptionRequest(models.Model):
    """Somebody asked, and has to confirm by an emailed link; deleted some days later, confirmed or not."""

    form = models.ForeignKey(SubscriptionForm, models.CASCADE, related_name="requests", db_index=False)
    key = models.CharField(max_length=40, unique=True, default=new_key)
    email = AddressField(gettext_lazy("email"))
    address_key = AddressKeyField()
    full_name = models.CharField(max_length=150, blank=True)
    attributes = models.JSONField(default=dict)
    topics = models.JSONField(default=list, help_text="The ids of the topics chosen.")
    agreed_to_ads = models.BooleanField(default=False)
    wording_version = models.PositiveIntegerField()
    data_wording = models.TextField()
    ads_wording = models.TextField()
    network = models.CharField(max_length=50, blank=True, help_text="Where it came from, shortened.")
    asked_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True, help_text="Or when it was decided not to mail.")
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("form", "address_key"), name="mailer_request_once_a_form"),
        )
        indexes = (
            models.Index(fields=("asked_at",), name="mailer_request_by_age"),
            models.Index(
                fields=("id",), name="mailer_request_to_mail", condition=Q(mailed_at=None, confirmed_at=None)
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.form}"


class Consent(models.Model):
    """What a client agreed to: the wording, when and where, and when it was confirmed."""

    class Kind(models.TextChoices):
        DATA = "data", gettext_lazy("use of data")
        ADS = "ads", gettext_lazy("advertising")

    client = models.ForeignKey(Client, models.CASCADE, related_name="consents")
    kind = models.CharField(max_length=10, choices=Kind)
    wording = models.TextField()
    wording_version = models.PositiveIntegerField()
    form = models.ForeignKey(SubscriptionForm, models.SET_NULL, null=True, related_name="+")
    source = models.CharField(max_length=150, help_text="What the form was called.")
    network = models.CharField(max_length=50, blank=True)
    given_at = models.DateTimeField()
    confirmed_at = models.DateTimeField()

    class Meta:
        ordering = ("-confirmed_at", "-pk")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.source}"
