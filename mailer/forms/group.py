from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mailer.models import ClientGroup
from site_config.ui.forms import OwnedForm


class GroupForm(OwnedForm[ClientGroup]):
    beside = "name"

    class Meta:
        model = ClientGroup
        fields = ("name", "is_topic", "topic_name", "topic_text")
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "topic_name": forms.TextInput(attrs={"autocomplete": "off"}),
            "topic_text": forms.TextInput(attrs={"autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.rule is not None:  # who is in it is up to the rule
            for name in ("is_topic", "topic_name", "topic_text"):
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("is_topic") and not data.get("topic_name") and "topic_name" not in self.errors:
            self.add_error("topic_name", _("Recipients need a name for this topic."))
        return data
