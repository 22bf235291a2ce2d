"""The editor's page as one form: a POST becomes a Written, a Written becomes forms."""

from dataclasses import dataclass, field, replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.composing.blocks.document import Block, TooLarge, check_size, columns_of, read
from mailer.composing.blocks.rendering import html_of
from mailer.composing.compiling import check_message
from mailer.composing.drafts import Written
from mailer.composing.merge import CannotCompile
from mailer.composing.picture_files import choices_of, pictures_of
from mailer.forms.blocks import FORMS, BlockForm, WrittenForm, form_of, theme_form
from mailer.models import Format
from mailer.models.attribute import kinds_of
from mailer.models.message import BODY_LIMIT
from people.models import User
from people.validators import validate_one_line

MOST_POSTED = 300  # blocks named in one POST
# What comes with a paste and nobody sees; joiners and marks of direction stay, which scripts and emoji need.
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
LARGEST_SOURCE = 1_000_000  # characters that a draft may have


class HeadForm(WrittenForm):
    """The fields that a message in any format has."""

    subject = forms.CharField(
        label=gettext_lazy("Subject"),
        max_length=200,
        validators=[validate_one_line],
        widget=forms.TextInput({"autocomplete": "on", "spellcheck": "true"}),
    )
    preheader = forms.CharField(
        label=gettext_lazy("Preheader"),
        max_length=200,
        required=False,
        validators=[validate_one_line],
        help_text=gettext_lazy("What an inbox shows beside the subject."),
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=[choice for choice in Format.choices if choice[0] != Format.BLOCKS],
    )
    body = forms.CharField(
        label=gettext_lazy("Body"),
        max_length=BODY_LIMIT,
        strip=False,
        widget=forms.Textarea({"rows": 22, "class": "body-field", "spellcheck": "true"}),
        help_text=gettext_lazy("A text part and an unsubscribe link are added to every mail."),
    )

    def __init__(self, *args: Any, in_blocks: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("format", "body") if in_blocks else ("preheader",):
            del self.fields[name]


@dataclass
class Part:
    """A block on the page: its form, and those in its columns."""

    block: Block
    form: BlockForm
    columns: list[list["Part"]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.block["id"])

    @property
    def has_errors(self) -> bool:
        return self.form.is_bound and bool(self.form.errors)


class EditorForm:
    """All forms of the page. Unchecked it shows a draft as it is; `checked` it also shows errors."""

    def __init__(self, written: Written, *, owner: User, checked: bool = False) -> None:
        self.written, self.owner, self.checked = written, owner, checked
        self.in_blocks = written.format == Format.BLOCKS
        self.body = ""
        self.kinds = kinds_of(owner)
        self._known = {"kinds": self.kinds, "pictures": choices_of(owner) if self.in_blocks else ()}
        values = {
            "subject": written.subject,
            "preheader": written.content["preheader"],
            "format": written.format,
            "body": written.body,
        }
        self.head = HeadForm(
            values if checked else None, initial=values, in_blocks=self.in_blocks, kinds=self.kinds
        )
        self.theme = theme_form(written.content["theme"], checked=checked, **self._known)
        self.parts = [self._part(block) for block in written.content["blocks"]] if self.in_blocks else []

    def _part(self, block: Block) -> Part:
        form = form_of(block, checked=self.checked, **self._known)
        columns = columns_of(block) if block["type"] == "columns" else []
        return Part(block, form, [[self._part(inner) for inner in column] for column in columns])

    def is_valid(self) -> bool:
        """Validate everything, and make the body; each error is shown beside its field."""
        forms_ = [self.head, *([self.theme, *self._forms(self.parts)] if self.in_blocks else [])]
        if not all([form.is_valid() for form in forms_]):  # noqa: C419  (each says what is wrong with it)
            return False
        try:
            self.body = self._make_body()
            check_message(
                subject=self.written.subject,
                body=self.body,
                format=self.written.format,
                kinds=self.kinds,
            )
        except ValidationError as error:
            self.head.add_error(None if self.in_blocks else "body", error)
        except CannotCompile as error:
            self.head.add_error(None, str(error))
        return self.head.is_valid()

    def _forms(self, parts: list[Part]) -> list[BlockForm]:
        found = []
        for part in parts:
            found.append(part.form)
            for column in part.columns:
                found += self._forms(column)
        return found

    def _make_body(self) -> str:
        if not self.in_blocks:
            return self.written.body
        if not self.parts:
            raise ValidationError(_("Add a block: this message is empty."), code="empty")
        return html_of(self.written.content, pictures=pictures_of(self.owner), subject=self.written.subject)


def read_posted(data: Any, *, format: str) -> Written:
    """The page's content as sent, unvalidated; raises TooLarge if it is more than a message may have."""
    head = {
        name: data.get(name, "").replace("\x00", "") for name in ("subject", "preheader", "format", "body")
    }
    subject = head["subject"].translate(_UNSEEN)[:1000]
    if format != Format.BLOCKS:
        if len(head["body"]) > LARGEST_SOURCE:
            raise TooLarge
        chosen = head["format"] if head["format"] in (Format.HTML, Format.TEXT) else format
        written = Written(subject=subject, format=chosen, body=head["body"])
        return replace(written, content=read({}))
    content = read(
        {
            "preheader": head["preheader"].translate(_UNSEEN)[:1000],
            "theme": theme_form({}).raw(data),
            "blocks": _posted_blocks(data),
        }
    )
    check_size(content)
    return Written(subject=subject, format=format, content=content)


def _posted_blocks(data: Any) -> list[Block]:
    """In the order on the page; a column's blocks name it."""
    blocks: list[Block] = []
    known: dict[str, Block] = {}
    for block_id in data.getlist("block")[:MOST_POSTED]:
        kind = data.get(f"{block_id}-type", "")
        if kind not in FORMS or block_id in known:
            continue
        block: Block = {"id": block_id, "type": kind, **FORMS[kind](prefix=block_id).raw(data)}
        if kind == "columns":
            block["columns"] = [[], [], []]
        parent, _dot, number = data.get(f"{block_id}-in", "").partition(".")
        into = known.get(parent, {}).get("columns")
        if into and number in ("0", "1", "2") and kind != "columns":
            into[int(number)].append(block)
        elif not parent:
            blocks.append(block)
        known[block_id] = block
    return blocks
