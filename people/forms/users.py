from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from people.address_fields import AddressInput
from people.models import User
from people.roles import RolesField
from people.validators import validate_one_line
from people.zone_field import ZoneField
from site_config.ui.forms import ModelForm


class UserForm(ModelForm[User]):
    """A user, as a superuser creates or edits one."""

    beside = "email"

    time_zone = ZoneField(label=_("Time zone"))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    groups = RolesField(label=_("Roles"), queryset=Group.objects.order_by("name"), required=False)

    class Meta:
        model = User
        fields = ("email", "name", "company", "time_zone", "language")
        widgets = {
            "email": AddressInput(attrs={"autocomplete": "off"}),
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "company": forms.TextInput(attrs={"autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["groups"] = self.instance.groups.all()


class AllowanceForm(forms.Form):
    """How much a user may send."""

    mails = forms.IntegerField(
        label=_("Mails in 24 hours"),
        required=False,
        min_value=1,
        max_value=10_000_000,
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
        help_text=_("Leave it empty for no limit. Mail above the limit waits, and goes out later by itself."),
    )


class ReasonForm(forms.Form):
    """Why something is stopped; the user concerned will read it."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        validators=[validate_one_line],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("The user will see it."),
    )
