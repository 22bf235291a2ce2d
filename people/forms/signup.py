"""Separate from the other forms, because allauth's own forms build on this one."""

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from people.models import User
from people.validators import validate_display_name
from people.zones import zone_of


class SignupExtras(forms.Form):
    """What is asked besides email and password. The browser's script fills in the time zone."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        required=False,
        validators=[validate_display_name],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    time_zone = forms.CharField(
        required=False, max_length=64, widget=forms.HiddenInput(attrs={"data-browser-zone": ""})
    )
    field_order = [
        "name",
        "email",
        "password1",
        "password2",
        "time_zone",
    ]

    def signup(self, request: HttpRequest, user: User) -> None:
        user.name = self.cleaned_data["name"]
        user.time_zone = zone_of(self.cleaned_data["time_zone"]) or "UTC"
        user.save(update_fields=["name", "time_zone"])
