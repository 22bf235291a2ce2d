"""A client's attributes in a form: a field of the right kind for each, and room for a new one."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.models import Attribute
from mailer.models.attribute import (
    LONGEST_KEY,
    LONGEST_VALUE,
    SALUTATION,
    clean_key,
    read_value,
    written_value,
)
from site_config.ui.forms import OwnedForm

Kind = Attribute.Kind
PREFIX = "attribute_"
NEW = ("new_key", "new_kind", "new_value")


class AttributeField(forms.CharField):
    """One value, as text; it becomes a value of the attribute's kind, or None."""

    def __init__(self, *, key: str, kind: str) -> None:
        super().__init__(label=key, required=False, max_length=LONGEST_VALUE, widget=_widget(kind))
        self.kind = kind

    def clean(self, value: Any) -> Any:
        return read_value(self.kind, super().clean(value))


def _widget(kind: str) -> forms.Widget:
    if kind == Kind.YES_NO:
        return forms.Select(choices=[("", "—"), ("yes", _("yes")), ("no", _("no"))])
    if kind == Kind.DATE:
        return forms.DateInput(attrs={"type": "date"})
    if kind == Kind.NUMBER:
        return forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.TextInput(attrs={"autocomplete": "off"})


class AttributeFields(forms.Form):
    """Mixed into a client's form. Emptying a field removes the attribute from the client."""

    new_key = forms.CharField(
        label=_("New attribute"),
        required=False,
        max_length=LONGEST_KEY,
        help_text=_("Letters, digits and “_”. Messages can use it as a merge field."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("city")}),
    )
    new_kind = forms.ChoiceField(label=_("Kind"), choices=Kind.choices, initial=Kind.TEXT, required=False)
    new_value = forms.CharField(
        label=pgettext_lazy("of an attribute", "Value"),
        required=False,
        max_length=LONGEST_VALUE,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    kinds: dict[str, str]

    def add_attributes(self, kinds: dict[str, str], values: Mapping[str, Any]) -> None:
        self.kinds = kinds
        for key, kind in kinds.items():
            self.fields[f"{PREFIX}{key}"] = field = AttributeField(key=key, kind=kind)
            if key == SALUTATION:
                field.help_text = _("How messages greet this client. Left empty: by the first name.")
            self.initial[f"{PREFIX}{key}"] = written_value(values.get(key))

    @property
    def basic_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if not self._is_attribute(field.name)]

    @property
    def filled_attributes(self) -> list[forms.BoundField]:
        """Those that the client has, or that were refused."""
        return [field for field in self._attributes() if field.value() or field.errors]

    @property
    def further_attributes(self) -> list[forms.BoundField]:
        return [field for field in self._attributes() if not (field.value() or field.errors)]

    @property
    def new_attribute(self) -> list[forms.BoundField]:
        return [self[name] for name in NEW]

    def clean_new_key(self) -> str:
        name = self.cleaned_data["new_key"]
        if not name:
            return ""
        key = clean_key(name)
        if key in self.kinds:
            raise ValidationError(_("There is already an attribute with this name; fill it in above."))
        return key

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        key, text = data.get("new_key", ""), data.get("new_value", "")
        if text and not key and "new_key" not in self.errors:
            self.add_error("new_key", _("Give this a name."))
        if key:
            try:
                data["new_value"] = read_value(data.get("new_kind") or Kind.TEXT, text)
            except ValidationError as error:
                self.add_error("new_value", error)
        return data

    def attribute_values(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The client's attributes from a valid form; those it does not show stay."""
        data = self.cleaned_data
        values = {**before, **{key: data.get(f"{PREFIX}{key}") for key in self.kinds}}
        if data.get("new_key"):
            values[data["new_key"]] = data.get("new_value")
        return {key: value for key, value in values.items() if value is not None}

    def new_kinds(self) -> dict[str, str]:
        """The attribute that a valid form creates, with its kind."""
        key = self.cleaned_data.get("new_key")
        return {key: self.cleaned_data.get("new_kind") or Kind.TEXT} if key else {}

    def _attributes(self) -> list[forms.BoundField]:
        return [self[f"{PREFIX}{key}"] for key in self.kinds]

    def _is_attribute(self, name: str) -> bool:
        return name in NEW or name.startswith(PREFIX)


class AttributeForm(OwnedForm[Attribute]):
    beside = "key"

    class Meta:
        model = Attribute
        fields = ("key", "kind", "in_list")
        widgets = {"key": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_key(self) -> str:
        return clean_key(self.cleaned_data["key"])
