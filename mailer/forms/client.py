from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from mailer.forms.attributes import PREFIX, AttributeFields
from mailer.models import Attribute, Client, ClientGroup, Forgotten, OptOut
from mailer.models.attribute import SALUTATION, kinds_of
from people.address_fields import AddressInput
from people.models import User
from site_config.ui.forms import OwnedForm, RowsField

FORGOTTEN = _("This person asked to be forgotten. Only they can sign up again.")
LEFT = _("This person left “%(group)s”. Only they can join it again, by the link in a mail.")
NOT_YOURS = _("One of these groups is not yours or no longer exists. Reload the page.")


class ClientForm(AttributeFields, OwnedForm[Client]):
    beside = "email"

    groups = RowsField(
        label=_("Groups"),
        queryset=ClientGroup.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": NOT_YOURS, "invalid_pk_value": NOT_YOURS},
    )

    class Meta:
        model = Client
        fields = ("email", "full_name", "comment")
        widgets = {
            "email": AddressInput(attrs={"autocomplete": "off"}),
            "full_name": forms.TextInput(attrs={"autocomplete": "off"}),
            "comment": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, owner=owner, **kwargs)
        groups = cast("forms.ModelMultipleChoiceField[ClientGroup]", self.fields["groups"])
        groups.queryset = ClientGroup.objects.owned_by(owner).picked()
        if self.instance.pk:
            groups.initial = self.instance.groups.all()
        self.defined = kinds_of(owner)
        self.add_attributes({SALUTATION: Attribute.Kind.TEXT, **self.defined}, self.instance.attributes)

    def new_kinds(self) -> dict[str, str]:
        """Also how the first client is greeted whom one greets in a way of one's own."""
        greeted = SALUTATION not in self.defined and self.cleaned_data.get(f"{PREFIX}{SALUTATION}")
        return {**super().new_kinds(), **({SALUTATION: Attribute.Kind.TEXT} if greeted else {})}

    def clean(self) -> dict[str, Any]:
        """Put the attributes into the row before Django validates it as a whole."""
        data = super().clean() or self.cleaned_data
        email = data.get("email")
        if email and Forgotten.objects.matching_address(email, self.owner.pk).exists():
            self.add_error("email", FORGOTTEN)
        self._check_topics(email or "", data.get("groups") or ())
        self.instance.attributes = self.attribute_values(self.instance.attributes)
        return data

    def _check_topics(self, email: str, groups: Iterable[ClientGroup]) -> None:
        """Who left a topic by themselves joins it by themselves."""
        left = OptOut.objects.matching_address(email, self.owner.pk).filter(group__in=list(groups))
        for one in left.select_related("group"):
            self.add_error("groups", LEFT % {"group": one.group})
