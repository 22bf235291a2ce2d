"""The form of each kind of block. What is typed is stored as it is in a draft, and validated when saved."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.functional import Promise
from django.utils.html import strip_tags
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.composing.attribute_values import samples
from mailer.composing.blocks.document import Block
from mailer.composing.blocks.mjml import links_of
from mailer.composing.blocks.theme import DEFAULTS, RADII, WIDTHS
from mailer.composing.blocks.typed import is_address, too_deep
from mailer.composing.compiling import check_template
from mailer.composing.merge import MERGE_FIELDS

LONGEST_TEXT = 20_000
ALIGN = [("left", _("left")), ("center", _("in the middle")), ("right", _("right"))]
ALWAYS = ("", _("everybody"))
NOT_OF_A_CLIENT = ("sender_name", "unsubscribe_url", "view_url")


def link(value: str) -> None:
    if not is_address(value.strip()):
        raise ValidationError(
            _("Enter a full address: https://example.com, mailto:you@example.com, or a merge field."),
            code="address",
        )


colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", _("Enter a colour such as #0f6b63."))


def shallow(value: str) -> None:
    if too_deep(value):
        raise ValidationError(
            _("This text is too deeply nested. Paste it without its formatting."), code="deep"
        )


class RichText(forms.Textarea):
    """A rich-text editor over a text area of HTML; static/js/message_editor.js starts it."""

    def __init__(self) -> None:
        super().__init__({"rows": 5, "data-rich": ""})


def _line(label: Any, *, required: bool = True, **kwargs: Any) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=300, **kwargs)


def _link(label: Any, *, required: bool = False, **kwargs: Any) -> forms.CharField:
    widget = forms.TextInput({"inputmode": "url", "placeholder": "https://", "autocomplete": "off"})
    return forms.CharField(
        label=label, required=required, max_length=2000, validators=[link], widget=widget, **kwargs
    )


def _colour(label: Any) -> forms.CharField:
    return forms.CharField(label=label, validators=[colour], widget=forms.TextInput({"type": "color"}))


def _rich(label: Any, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=LONGEST_TEXT, validators=[shallow], widget=RichText
    )


def _align(usual: str = "left") -> forms.ChoiceField:
    choices = sorted(ALIGN, key=lambda choice: choice[0] != usual)
    return forms.ChoiceField(label=_("Align"), choices=choices, required=False)


class WrittenForm(forms.Form):
    """Texts with merge fields."""

    def __init__(
        self, *args: Any, kinds: Mapping[str, str] | None = None, pictures: Any = (), **kwargs: Any
    ) -> None:
        """`kinds`: those of the owner's attributes; `pictures`: choices."""
        super().__init__(*args, **kwargs)
        self.kinds = kinds or {}
        for name in ("picture", "logo"):
            if name in self.fields:
                self.fields[name].choices = pictures  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        attributes = samples(self.kinds)
        for name in [name for name, value in data.items() if isinstance(value, str) and "{" in value]:
            try:
                check_template(data[name], attributes=attributes)
            except ValidationError as error:
                self.add_error(name, error)
        return data

    def raw(self, data: Any) -> dict[str, str]:
        """What was typed, unvalidated."""
        values = {}
        for name, field in self.fields.items():
            if isinstance(field, forms.FileField):
                continue
            value = field.widget.value_from_datadict(data, {}, self.add_prefix(name))
            values[name] = ("on" if value else "") if isinstance(value, bool) else str(value or "")
        return values


class BlockForm(WrittenForm):
    """A block's own fields, and who sees it."""

    title: str | Promise

    when = forms.ChoiceField(
        label=_("Show it to"),
        required=False,
        help_text=_("Others get the message without this block."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name for name in dict.fromkeys((*MERGE_FIELDS, *self.kinds)) if name not in NOT_OF_A_CLIENT]
        who = _("clients with “%(name)s”")
        self.fields["when"].choices = [ALWAYS, *((name, who % {"name": name}) for name in names)]  # type: ignore[attr-defined]
        self.order_fields([name for name in self.fields if name != "when"])

    @property
    def excerpt(self) -> str:
        """A few words that identify the block when it is folded."""
        for name in ("text", "alt", "links", "html"):
            if value := str(self[name].value() or "") if name in self.fields else "":
                return strip_tags(value[:1000]) if isinstance(self.fields[name].widget, RichText) else value
        return ""


class HeadingForm(BlockForm):
    title = _("Heading")

    text = forms.CharField(label=_("Text"), max_length=500, widget=forms.Textarea({"rows": 2}))
    level = forms.ChoiceField(
        label=_("Size"), required=False, choices=[("1", _("large")), ("2", _("middle")), ("3", _("small"))]
    )
    align = _align()


class TextForm(BlockForm):
    title = _("Text")

    text = _rich(_("Text"))
    align = _align()


class PictureForm(BlockForm):
    title = _("Picture")

    upload = forms.FileField(
        label=_("A new picture"),
        required=False,
        widget=forms.FileInput({"accept": "image/jpeg,image/png,image/webp,image/gif", "data-upload": ""}),
        help_text=_("JPEG, PNG, WebP or GIF, up to 10 MB. GIFs do not move."),
    )
    picture = forms.ChoiceField(label=_("Or one from the library"), required=False)
    address = _link(_("Or the address of a picture elsewhere"))
    alt = _line(
        _("What it shows"), required=False, help_text=_("Read aloud, and shown where pictures are not.")
    )
    link = _link(_("It links to"))
    inside = forms.BooleanField(
        label=_("Embed it in the mail"),
        required=False,
        help_text=_(
            "It shows without a click in programs that do not load pictures, and makes each mail larger."
        ),
    )
    width = forms.ChoiceField(
        label=_("Width"),
        required=False,
        choices=[("100", _("full")), ("75", "75 %"), ("50", _("half")), ("33", _("a third"))],
    )
    align = _align("center")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not data.get("picture") and not data.get("address") and "picture" not in self.errors:
            self.add_error("picture", _("Choose a picture, or delete this block."))
        elif not (data.get("alt") or "").strip() and "alt" not in self.errors:
            self.add_error("alt", _("Describe the picture in words."))
        return data


class ButtonForm(BlockForm):
    title = _("Button")

    text = _line(_("Text"))
    link = _link(_("It links to"), required=True)
    wide = forms.BooleanField(label=_("As wide as the text"), required=False)
    align = _align()


class ColumnsForm(BlockForm):
    title = _("Columns")

    ratio = forms.ChoiceField(
        label=_("Division"),
        required=False,
        choices=[
            ("1-1", _("two equal")),
            ("1-2", _("narrow and wide")),
            ("2-1", _("wide and narrow")),
            ("1-1-1", _("three")),
        ],
    )
    together = forms.BooleanField(label=_("Side by side on phones too"), required=False)


class QuoteForm(BlockForm):
    title = _("Quote")

    text = forms.CharField(label=_("Text"), max_length=2000, widget=forms.Textarea({"rows": 3}))
    who = _line(_("Who said it"), required=False)


class DividerForm(BlockForm):
    title = _("Divider")


class SpacerForm(BlockForm):
    title = _("Space")

    height = forms.IntegerField(label=_("Height in pixels"), min_value=4, max_value=120, initial=24)


class SocialForm(BlockForm):
    title = _("Social links")

    links = forms.CharField(
        label=_("Links"),
        max_length=3000,
        widget=forms.Textarea({"rows": 4, "placeholder": "Telegram https://t.me/…"}),
        help_text=_("One per line: a name and an address."),
    )

    def clean_links(self) -> str:
        text: str = self.cleaned_data["links"]
        lines = [line for line in text.splitlines() if line.strip()]
        if len(links_of(text)) != len(lines):
            raise ValidationError(_("Each line needs an address that begins with https://."), code="address")
        return text


class FooterForm(BlockForm):
    title = _("Footer")

    text = _rich(_("Text above the unsubscribe link"), required=False)
    align = _align("center")


class RawForm(BlockForm):
    title = pgettext_lazy("a block", "HTML")

    html = forms.CharField(
        label=pgettext_lazy("a block", "HTML"),
        max_length=100_000,
        widget=forms.Textarea({"rows": 8, "class": "body-field", "spellcheck": "false"}),
        help_text=_("It is sent as it is."),
    )


FORMS: dict[str, type[BlockForm]] = {
    "heading": HeadingForm,
    "text": TextForm,
    "picture": PictureForm,
    "button": ButtonForm,
    "columns": ColumnsForm,
    "quote": QuoteForm,
    "divider": DividerForm,
    "spacer": SpacerForm,
    "social": SocialForm,
    "footer": FooterForm,
    "raw": RawForm,
}


class ThemeForm(WrittenForm):
    accent = forms.CharField(
        label=_("Links and buttons"), widget=forms.TextInput({"type": "color"}), validators=[colour]
    )
    text = _colour(_("Letters"))
    surface = forms.CharField(
        label=_("Paper"), widget=forms.TextInput({"type": "color"}), validators=[colour]
    )
    background = forms.CharField(
        label=_("Background"), widget=forms.TextInput({"type": "color"}), validators=[colour]
    )
    font = forms.ChoiceField(
        label=_("Font"),
        choices=[
            ("sans", "Arial"),
            ("humanist", "Verdana"),
            ("serif", "Georgia"),
            ("mono", "Courier New"),
        ],
    )
    width = forms.IntegerField(label=_("Width in pixels"), min_value=WIDTHS[0], max_value=WIDTHS[1])
    radius = forms.IntegerField(label=_("Round corners"), min_value=RADII[0], max_value=RADII[1])
    logo = forms.ChoiceField(label=_("Logo above"), required=False)
    logo_alt = _line(_("Name in the logo"), required=False)
    view = forms.BooleanField(label=_("“View in your browser” above the message"), required=False)

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, prefix="theme", **kwargs)


def form_of(block: Block, *, checked: bool = False, **known: Any) -> BlockForm:
    """A block's form with its values; if validated, it also shows errors."""
    kind, values = FORMS[block["type"]], {name: value for name, value in block.items() if name != "columns"}
    if not checked:
        return kind(prefix=block["id"], initial=values, **known)
    data = {f"{block['id']}-{name}": value for name, value in values.items()}
    return kind(data, prefix=block["id"], **known)


def theme_form(theme: dict[str, str], *, checked: bool = False, **known: Any) -> ThemeForm:
    values = {**DEFAULTS, **{name: value for name, value in theme.items() if value}}
    if not checked:
        return ThemeForm(initial=values, **known)
    return ThemeForm({f"theme-{name}": value for name, value in values.items()}, **known)
