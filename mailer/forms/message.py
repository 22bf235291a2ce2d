from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from mailer.composing.attribute_values import samples
from mailer.composing.compiling import check_message, check_template
from mailer.models import Format, Suppression
from mailer.models.attribute import kinds_of
from mailer.sending.send_test import proved_addresses
from people.models import User


class MergeFieldChecks:
    """Refuses a subject or body in which some recipient's fields could not be filled."""

    cleaned_data: dict[str, Any]

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Those of the owner's attributes, which are merge fields too."""
        owner = getattr(self.instance, "owner", None)  # type: ignore[attr-defined]  # of the form
        return kinds_of(owner) if owner else {}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data  # type: ignore[misc]  # of the form
        if "subject" in data and "body" in data:
            try:
                check_message(
                    subject=data["subject"],
                    body=data["body"],
                    format=data.get("format", Format.HTML),
                    kinds=self.kinds,
                )
            except ValidationError as error:
                self.add_error("body", error)  # type: ignore[attr-defined]  # of the form
        return data

    def clean_subject(self) -> str:
        return self._checked("subject")

    def clean_body(self) -> str:
        return self._checked("body")

    def _checked(self, name: str) -> str:
        source: str = self.cleaned_data[name]
        check_template(source, attributes=samples(self.kinds))
        return source


class TestSendForm(forms.Form):
    __test__ = False  # not a test case, whatever pytest thinks

    to = forms.ChoiceField(label=_("Send a test to"))

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        self.fields["to"].choices = [(address, address) for address in proved_addresses(owner)]  # type: ignore[attr-defined]
        self.fields["to"].error_messages["invalid_choice"] = _("Test mails go only to your own addresses.")

    def clean_to(self) -> str:
        address: str = self.cleaned_data["to"]
        if Suppression.objects.matching_address(address, self.owner.pk).exists():
            raise ValidationError(_("This address is on your stop-list, so nothing is sent to it."))
        return address
