"""The form that an owner makes for others, and the one that others fill in."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from mailer.audience.subscribing import Asked
from mailer.forms.attributes import PREFIX, AttributeField
from mailer.models import Attribute, ClientGroup, SubscriptionForm
from people.address_fields import AddressFormField
from people.models import User
from people.validators import validate_one_line
from site_config.ui.forms import OwnedForm, RowsField

NOT_YOURS = _("One of these is not yours or no longer exists. Reload the page.")
_FOREIGN = {"invalid_choice": NOT_YOURS, "invalid_pk_value": NOT_YOURS}
DATA_WORDING = _("I agree that my data is stored and used to send me this mail.")
ADS_WORDING = _("I agree to receive advertising by email.")
AGREED = ("agree_data", "agree_ads")
WORDINGS = {"data_wording": DATA_WORDING, "ads_wording": ADS_WORDING}


class SubscriptionFormForm(OwnedForm[SubscriptionForm]):
    groups = RowsField(
        label=_("Groups that everybody joins"),
        queryset=ClientGroup.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages=_FOREIGN,
    )
    topics = RowsField(
        label=_("Topics to choose from"),
        queryset=ClientGroup.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages=_FOREIGN,
        help_text=_("Groups that clients can leave and join themselves."),
    )
    attributes = RowsField(
        label=_("Ask for"),
        queryset=Attribute.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages=_FOREIGN,
    )

    class Meta:
        model = SubscriptionForm
        fields = (
            *("name", "title", "text", "language", "groups", "topics", "asks_name", "attributes"),
            *("data_wording", "ads_wording", "sites", "is_open"),
        )
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "title": forms.TextInput(attrs={"autocomplete": "off"}),
            "text": forms.Textarea(attrs={"rows": 3}),
            "data_wording": forms.Textarea(attrs={"rows": 2}),
            "ads_wording": forms.Textarea(attrs={"rows": 2}),
            "sites": forms.Textarea(attrs={"rows": 2, "placeholder": "https://shop.example"}),
        }
        help_texts = {
            "name": _("For you. Consent is recorded under this name."),
            "sites": _("One per line. Without any, the form exists only on its own page."),
            "data_wording": _("Beside a required checkbox."),
            "ads_wording": _("Beside an optional checkbox."),
        }

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, owner=owner, **kwargs)
        own = ClientGroup.objects.owned_by(owner)
        self._offer("groups", own.picked())
        self._offer("topics", own.topics())
        self._offer("attributes", Attribute.objects.owned_by(owner))
        for name, wording in WORDINGS.items():
            self.fields[name].initial = wording

    def _offer(self, name: str, rows: Any) -> None:
        cast("forms.ModelMultipleChoiceField[Any]", self.fields[name]).queryset = rows


class JoinForm(forms.Form):
    """What a visitor fills in: an address, and whatever else the form asks for."""

    email = AddressFormField(label=_("Email"), max_length=254)
    full_name = forms.CharField(
        label=_("Full name"), max_length=150, required=False, validators=[validate_one_line]
    )
    topics = forms.TypedMultipleChoiceField(
        label=_("Topics"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    agree_data = forms.BooleanField(
        error_messages={"required": _("Without this we cannot add you to the list.")}
    )
    agree_ads = forms.BooleanField(required=False)

    def __init__(self, *args: Any, form: SubscriptionForm, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].widget.attrs["autocomplete"] = "email"
        self.fields["full_name"].widget.attrs["autocomplete"] = "name"
        self.fields["agree_data"].label = form.data_wording
        self.fields["agree_ads"].label = form.ads_wording
        topics = list(form.topics.topics())
        self.fields["topics"].choices = [(one.pk, _shown(one)) for one in topics]  # type: ignore[attr-defined]
        if not topics:
            del self.fields["topics"]
        if not form.asks_name:
            del self.fields["full_name"]
        self.keys = []
        for one in form.attributes.order_by("key"):
            self.keys.append(one.key)
            self.fields[f"{PREFIX}{one.key}"] = AttributeField(key=one.key, kind=one.kind)
        last = [name for name in self.fields if name not in AGREED]
        self.order_fields([*last, *AGREED])

    def asked(self, *, address: str | None) -> Asked:
        """A valid form's content; `address`: the IP address it came from."""
        data = self.cleaned_data
        values = {key: data.get(f"{PREFIX}{key}") for key in self.keys}
        return Asked(
            email=data["email"],
            full_name=data.get("full_name", ""),
            attributes={key: value for key, value in values.items() if value is not None},
            topics=data.get("topics", ()),
            agreed_to_ads=data["agree_ads"],
            address=address,
        )


def _shown(topic: ClientGroup) -> str:
    return f"{topic.topic_name}: {topic.topic_text}" if topic.topic_text else topic.topic_name
