"""Forms of the administration: what they save must be as consistent as what owners save."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from mailer.forms.message import MergeFieldChecks
from mailer.models import Mailing, Message
from site_config.ui.forms import ModelForm


class AdminMessageForm(MergeFieldChecks, ModelForm[Message]):
    pass


class AdminMailingForm(ModelForm[Mailing]):
    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        owner = data.get("owner")
        rows = {name: list(data.get(name) or ()) for name in ("clients", "groups")}
        rows["message"] = [data["message"]] if data.get("message") else []
        for name, chosen in rows.items():
            if any(row.owner_id != owner.pk for row in chosen if owner):
                self.add_error(name, _("This belongs to a different owner than the mailing."))
        return data
