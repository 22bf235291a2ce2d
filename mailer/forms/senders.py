import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from mailer.models import ReplyAddress, SenderDomain
from mailer.senders import domains, replies
from people.address_fields import AddressFormField, AddressInput
from site_config.ui.forms import OwnedForm

LOCAL_PART = re.compile(r"[A-Za-z0-9_-]{1,32}(?:\.[A-Za-z0-9_-]{1,32}){0,3}")


class DomainForm(OwnedForm[SenderDomain]):
    beside = "domain"
    domain = forms.CharField(
        label=_("Your domain"),
        max_length=300,
        widget=forms.TextInput(
            {
                "placeholder": "example.com",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autocomplete": "off",
            }
        ),
    )

    class Meta:
        model = SenderDomain
        fields = ("domain",)

    def clean_domain(self) -> str:
        return domains.spelled(self.cleaned_data["domain"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        domains.check_room(self.owner)
        return data


class ReplyAddressForm(OwnedForm[ReplyAddress]):
    beside = "email"
    email = AddressFormField(
        label=_("Address for replies"), widget=AddressInput(attrs={"autocomplete": "email"})
    )

    class Meta:
        model = ReplyAddress
        fields = ("email",)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        replies.check_not_ours(email)
        return email

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        replies.check_room(self.owner)
        return data


def clean_local_part(text: str) -> str:
    """The part before the @ of a sender's address, or nothing; raises ValidationError."""
    if text and not LOCAL_PART.fullmatch(text):
        raise ValidationError(_("Use letters, digits, dots, hyphens and underscores."), code="local")
    return text.lower()
