from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from people import zones


class ZoneInput(forms.TextInput):
    """A box that suggests zones while one types a city, a region or an offset; without scripts as well."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "off", "spellcheck": "false", "data-select-all": ""})

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        listed = f"{(attrs or {}).get('id', name)}_zones"
        box = super().render(name, value, {**(attrs or {}), "list": listed}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', zones.choices())
        return format_html('{}<datalist id="{}">{}</datalist>', box, listed, options)


class ZoneField(forms.CharField):
    """Takes a zone's name, the one it had before, or its city."""

    widget = ZoneInput
    default_error_messages = {"invalid": _("Choose a time zone from the list, such as Europe/Moscow.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        zone = zones.zone_of(text)
        if text and not zone:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return zone
