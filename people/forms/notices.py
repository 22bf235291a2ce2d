from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from people.models import User
from people.notifying import NOTICES, choose, chosen


def kinds() -> list[tuple[str, Any]]:
    return [(notice.kind, notice.title) for notice in NOTICES.values()]


class NoticesForm(forms.Form):
    """What to be notified of, by email and on the site; choosing nothing is fine."""

    mail = forms.MultipleChoiceField(
        label=_("By email"), choices=kinds, required=False, widget=forms.CheckboxSelectMultiple
    )
    site = forms.MultipleChoiceField(
        label=_("On the site"), choices=kinds, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data, initial={way: sorted(chosen(user, way)) for way in ("mail", "site")})
        self.user = user

    def save(self) -> None:
        choose(self.user, mail=self.cleaned_data["mail"], site=self.cleaned_data["site"])
