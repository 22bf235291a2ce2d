from django import forms

from mailer.models import ClientGroup
from site_config.ui.forms import OwnedForm


class GroupForm(OwnedForm[ClientGroup]):
    beside = "name"

    class Meta:
        model = ClientGroup
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}
