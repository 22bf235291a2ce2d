from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailer.audience.importing import check_group_name, columns, encodings, named_group
from mailer.audience.importing.layout import Layout
from mailer.audience.importing.text_lines import label
from mailer.audience.importing.uploads import MANY, Choice
from mailer.forms.client import NOT_YOURS
from mailer.models import Attribute, ClientGroup, ClientImport
from mailer.models.attribute import key_from, kinds_of
from people.address_fields import AddressFormField, AddressInput
from people.models import User

DELIMITERS = [
    (",", gettext_lazy("comma  ,")),
    (";", gettext_lazy("semicolon  ;")),
    ("\t", gettext_lazy("tab")),
    ("|", gettext_lazy("vertical bar  |")),
]


class UploadForm(forms.Form):
    """A file, or pasted lines."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        allow_empty_file=True,  # the code that reads it reports what is wrong
        widget=forms.ClearableFileInput(
            attrs={"accept": ".csv,.txt,.tsv,.xlsx,.vcf,text/csv,text/plain,text/vcard"}
        ),
    )
    text = forms.CharField(
        label=gettext_lazy("Or paste lines"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "spellcheck": "false", "placeholder": gettext_lazy("email, name")}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = _("CSV, Excel (.xlsx) or vCard, up to %d MB. You can also drop it here.")
        self.fields["file"].help_text = text % settings.IMPORT_LIMIT_MB

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        file, text = data.get("file"), data.get("text", "")
        if file is None and not text.strip() and not self.errors:
            raise ValidationError(_("Choose a file, or paste lines."))
        if file is not None and file.size > settings.IMPORT_LIMIT_MB * 1_000_000:
            self.add_error("file", too_large())
        return data

    def pieces(self) -> Iterator[bytes]:
        file = self.cleaned_data["file"]
        if file is not None:
            yield from file.chunks()
        else:
            yield self.cleaned_data["text"].encode()

    @property
    def file_name(self) -> str:
        file = self.cleaned_data["file"]
        return str(file.name) if file is not None else _("pasted lines")


def column_choices(name: str, kinds: dict[str, str], *, with_attributes: bool) -> list[Any]:
    """What a column may hold: the existing attributes, and a new one named like the column."""
    choices: list[Any] = list(columns.LABELS.items())
    if not with_attributes:
        return choices
    if kinds:
        known = [(columns.as_attribute(key, kind), key) for key, kind in kinds.items()]
        choices.append((_("Attributes"), known))
    key = key_from(name)
    if key and key not in kinds:
        new = [(columns.as_attribute(key, kind), f"{key}: {label}") for kind, label in Attribute.Kind.choices]
        choices.append((_("A new attribute"), new))
    return choices


def too_large() -> str:
    return _("The file is larger than %d MB. Split it, or save it with fewer columns.") % (
        settings.IMPORT_LIMIT_MB
    )


class LayoutForm(forms.Form):
    """How to read a file, what its columns hold, and what to do with its clients."""

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), required=False)
    delimiter = forms.ChoiceField(label=gettext_lazy("Column separator"), required=False, choices=DELIMITERS)
    heading = forms.BooleanField(label=gettext_lazy("The first line names the columns"), required=False)
    known = forms.ChoiceField(
        label=gettext_lazy("Addresses you already have"),
        choices=ClientImport.Known,
        initial=ClientImport.Known.UPDATE,
    )
    group = forms.ModelChoiceField(
        label=gettext_lazy("Into the group"),
        queryset=ClientGroup.objects.none(),
        required=False,
        empty_label=gettext_lazy("no group"),
        error_messages={"invalid_choice": NOT_YOURS},
    )
    new_group = forms.CharField(label=gettext_lazy("Or into a new group"), required=False, max_length=100)
    origin = forms.ChoiceField(label=gettext_lazy("Where do these people come from?"), required=False)
    consent_on = forms.DateField(
        label=gettext_lazy("When did they ask for your mail?"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    origin_note = forms.CharField(
        label=gettext_lazy("How did they agree?"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("For example, the address of the form. It is kept with these clients."),
    )

    READING = ("encoding", "delimiter", "heading")

    def __init__(
        self, *args: Any, owner: User, upload: ClientImport, layout: Layout, is_large: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.owner, self.layout, self.is_large = owner, layout, is_large
        self._offer_reading()
        groups = self.fields["group"]
        groups.queryset = ClientGroup.objects.owned_by(owner).picked()  # type: ignore[attr-defined]
        origin = self.fields["origin"]
        origin.choices = [("", "—"), *ClientImport.Origin.choices]  # type: ignore[attr-defined]
        for name in ("origin", "consent_on"):
            self.fields[name].required = is_large
            text = _("Required, because the file has more than %d lines.") % MANY
            self.fields[name].error_messages["required"] = text
        if upload.to_stop_list:
            for name in ("known", "group", "new_group", "origin", "consent_on", "origin_note"):
                del self.fields[name]
        kinds = kinds_of(owner)
        for place, what in enumerate(layout.meanings):
            choices = column_choices(layout.names[place], kinds, with_attributes=not upload.to_stop_list)
            self.fields[f"column_{place}"] = forms.ChoiceField(
                choices=choices, initial=what, required=False, widget=forms.Select()
            )

    def _offer_reading(self) -> None:
        layout = self.layout
        if layout.kind == "csv":
            if layout.delimiter not in dict(DELIMITERS):
                delimiter = self.fields["delimiter"]
                delimiter.choices = [(layout.delimiter, layout.delimiter), *DELIMITERS]  # type: ignore[attr-defined]
        else:
            del self.fields["delimiter"]
        if layout.kind == "xlsx":
            del self.fields["encoding"]
        else:
            names = dict.fromkeys([layout.encoding, *encodings.CHOICES])
            self.fields["encoding"].choices = [(name, label(name)) for name in names]  # type: ignore[attr-defined]
        if layout.kind == "vcard":
            del self.fields["heading"]
        for name in self.READING:
            if name in self.fields:
                self.fields[name].initial = getattr(layout, name)
        if "heading" in self.fields:
            self.fields["heading"].initial = bool(layout.heading)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.is_large and "origin" in self.fields:
            self._check_consent(data)
        if data.get("group") and data.get("new_group"):
            self.add_error("new_group", _("Choose one: an existing group or a new one."))
        elif data.get("new_group"):
            try:
                check_group_name(self.owner, data["new_group"])
            except ValidationError as error:
                self.add_error("new_group", error.messages)
        return data

    def _check_consent(self, data: dict[str, Any]) -> None:
        if data.get("origin") == ClientImport.Origin.OTHER and not data.get("origin_note"):
            self.add_error("origin_note", _("Please describe where they come from."))
        if (day := data.get("consent_on")) and day > timezone.localdate():
            self.add_error("consent_on", _("This day is in the future."))

    @property
    def changed_reading(self) -> bool:
        """Whether the file should be read differently from what was shown."""
        return any(name in self.changed_data for name in self.READING)

    @property
    def meanings(self) -> list[str]:
        """What each column holds according to the form, valid or not."""
        sent = [self[f"column_{place}"].value() or "" for place in range(len(self.layout.meanings))]
        return [what if columns.is_meaning(what) else columns.UNUSED for what in sent]

    def choice(self) -> Choice:
        """A valid form's content; a new group is created."""
        data = self.cleaned_data
        group = data.get("group")
        if data.get("new_group"):
            group = named_group(self.owner, data["new_group"])
        return Choice(
            layout=self.layout.with_meanings(self.meanings),
            known=data.get("known") or ClientImport.Known.UPDATE,
            group=group,
            origin=data.get("origin") or "",
            origin_note=data.get("origin_note") or "",
            consent_on=data.get("consent_on"),
        )


class StopForm(forms.Form):
    """An address for the stop-list."""

    email = AddressFormField(
        label=pgettext_lazy("field of a form", "Email"), widget=AddressInput(attrs={"autocomplete": "off"})
    )
