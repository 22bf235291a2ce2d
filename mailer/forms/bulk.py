from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mailer.forms.client import NOT_YOURS
from mailer.models import BulkAction, ClientGroup
from people.models import User


class BulkForm(forms.Form):
    """What an action on many clients needs besides them: for two of them, a group."""

    group = forms.ModelChoiceField(
        label=_("Group"),
        queryset=ClientGroup.objects.none(),
        empty_label=_("Choose a group"),
        error_messages={"invalid_choice": NOT_YOURS},
    )

    def __init__(self, *args: Any, owner: User, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind in BulkAction.IN_GROUP:
            groups = ClientGroup.objects.owned_by(owner).picked()
            self.fields["group"].queryset = groups  # type: ignore[attr-defined]
        else:
            del self.fields["group"]
