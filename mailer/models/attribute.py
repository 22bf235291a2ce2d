"""What a user knows about clients beyond name and address: attributes with a name and a kind."""

import math
import re
import unicodedata
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailer.models.owned import Owned, OwnedQuerySet
from people.models import User

SALUTATION = "salutation"  # the attribute that the merge field of this name prefers to the first name
LONGEST_KEY = 40
LONGEST_VALUE = 500  # characters
MOST = 100  # attributes per user
LARGEST_NUMBER = 10**15  # integers that every JSON reader keeps exactly
KEY = re.compile(r"[^\W\d_]\w*")
# Names of merge fields, of columns in our exports, and Liquid's keywords.
RESERVED = {
    "full_name", "first_name", "email", "sender_name", "unsubscribe_url", "view_url", "comment",
    "stop_list", "stop_list_since", "true", "false", "nil", "null", "empty", "blank", "and", "or", "not",
    "contains", "in", "if", "unless", "case", "else",
}  # fmt: skip
YES = frozenset(("yes", "y", "true", "1", "+", "on", "да", "д", "истина"))
NO = frozenset(("no", "n", "false", "0", "-", "off", "нет", "н", "ложь"))
_SPACES = re.compile(r"[\s\u00a0\u202f']+")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,15})?")
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d")
Value = str | int | float | bool  # a date is text of the form 2026-11-27


class AttributeQuerySet(OwnedQuerySet["Attribute"]):
    def kinds(self) -> dict[str, str]:
        """The kind of each, by key."""
        return dict(self.order_by("key").values_list("key", "kind"))


class Attribute(Owned):
    """An attribute that a user's clients may have; its values are in Client.attributes."""

    class Kind(models.TextChoices):
        TEXT = "text", pgettext_lazy("kind of an attribute", "text")
        NUMBER = "number", pgettext_lazy("kind of an attribute", "number")
        DATE = "date", pgettext_lazy("kind of an attribute", "date")
        YES_NO = "yes_no", pgettext_lazy("kind of an attribute", "yes or no")

    key = models.CharField(pgettext_lazy("of an attribute", "name"), max_length=LONGEST_KEY)
    kind = models.CharField(gettext_lazy("kind"), max_length=10, choices=Kind, default=Kind.TEXT)
    in_list = models.BooleanField(gettext_lazy("a column in the list of clients"), default=False)

    objects = AttributeQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("attribute")
        verbose_name_plural = gettext_lazy("attributes")
        ordering = ("key", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "key"),
                name="mailer_attribute_key_unique",
                violation_error_message=gettext_lazy("You already have an attribute with this name."),
            ),
        )

    def __str__(self) -> str:
        return self.key

    def natural_key(self) -> tuple[str, ...]:
        return (self.owner.email, self.key)

    def clean_fields(self, exclude: Any = None) -> None:
        super().clean_fields(exclude=exclude)
        if "key" not in (exclude or ()):
            try:
                self.key = clean_key(self.key)
            except ValidationError as error:
                raise ValidationError({"key": error.messages}) from error


def clean_key(name: str) -> str:
    """A name in its one spelling, as merge fields write it; raises ValidationError with the reason."""
    name = name.strip()[: 8 * LONGEST_KEY]  # more is too long anyway, and composing it would take long
    key = unicodedata.normalize("NFKC", name).strip().lower()
    if len(key) > LONGEST_KEY or not KEY.fullmatch(key):
        raise ValidationError(
            _("Start with a letter, then use only letters, digits and “_”, at most %(limit)s in all."),
            params={"limit": LONGEST_KEY},
        )
    if key in RESERVED:
        raise ValidationError(
            _("“%(key)s” already means something else. Choose another name."), params={"key": key}
        )
    return key


def is_key(key: str) -> bool:
    """Whether a name is spelled as an attribute's key."""
    try:
        return clean_key(key) == key
    except ValidationError:
        return False


def key_from(heading: str) -> str:
    """The key that a column with this heading would have; empty if it can have none."""
    words = re.split(r"[\W_]+", unicodedata.normalize("NFKC", heading[: 8 * LONGEST_KEY]).lower())
    try:
        return clean_key("_".join(filter(None, words))[:LONGEST_KEY].rstrip("_"))
    except ValidationError:
        return ""


def read_value(kind: str, text: str) -> Value | None:
    """A value as people or files write it; None if empty. Raises ValidationError."""
    text = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        return None
    if kind == Attribute.Kind.NUMBER:
        return _number(text)
    if kind == Attribute.Kind.DATE:
        return _date(text).isoformat()
    if kind == Attribute.Kind.YES_NO:
        return _yes_no(text)
    if len(text) > LONGEST_VALUE:
        raise ValidationError(_("This is longer than %(limit)s characters."), params={"limit": LONGEST_VALUE})
    if "\0" in text:
        raise ValidationError(_("Null characters are not allowed."))
    return text


def written_value(value: Any) -> str:
    """A value as files have it: the same in every language, and readable by read_value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def shown_value(kind: str, value: Any) -> str:
    """A value as people read it, in the active language."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if kind == Attribute.Kind.DATE:
        try:
            return formats.date_format(date.fromisoformat(str(value)))
        except ValueError:
            return str(value)
    return str(value)


def guess_kind(texts: list[str]) -> str:
    """The kind that all these texts have; text if there are none, or if they differ."""
    for kind in (Attribute.Kind.YES_NO, Attribute.Kind.NUMBER, Attribute.Kind.DATE):
        if texts and all(_is(kind, text) for text in texts):
            return kind
    return Attribute.Kind.TEXT


def _is(kind: str, text: str) -> bool:
    try:
        return read_value(kind, text) is not None
    except ValidationError:
        return False


def validate_attributes(values: Any) -> None:
    """Raise ValidationError unless this is what Client.attributes may hold."""
    if not isinstance(values, dict) or len(values) > MOST:
        raise ValidationError(
            _("Attributes are names with values, at most %(limit)s."), params={"limit": MOST}
        )
    for key, value in values.items():
        if clean_key(key) != key:
            raise ValidationError(_("An attribute is called “%(key)s”."), params={"key": clean_key(key)})
        if isinstance(value, str):
            read_value(Attribute.Kind.TEXT, value)
        elif isinstance(value, bool):
            continue
        elif not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
            raise ValidationError(
                _("“%(key)s” is neither text nor a number nor yes or no."), params={"key": key}
            )


def _number(text: str) -> int | float:
    plain = _SPACES.sub("", text).replace("\u2212", "-")
    if not _NUMBER.fullmatch(plain):
        raise ValidationError(_("“%(text)s” is not a number."), params={"text": text[:50]})
    number = float(plain.replace(",", "."))
    return int(number) if number.is_integer() else number


def _date(text: str) -> date:
    plain = text.partition("T")[0].partition(" ")[0]
    for pattern in _DATES:
        try:
            return datetime.strptime(plain, pattern).date()
        except ValueError:
            continue
    raise ValidationError(
        _("“%(text)s” is not a date. Write it as 2026-11-27 or 27.11.2026."), params={"text": text[:50]}
    )


def _yes_no(text: str) -> bool:
    word = text.lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValidationError(_("“%(text)s” is neither yes nor no."), params={"text": text[:50]})


def attributes_of(user: User) -> list[Attribute]:
    """A user's attributes, fetched once per user object: a list needs them twice."""
    if not hasattr(user, "_attributes"):
        user._attributes = list(Attribute.objects.owned_by(user))  # type: ignore[attr-defined]
    return user._attributes  # type: ignore[attr-defined,no-any-return]


def kinds_of(owner: User) -> dict[str, str]:
    """The kinds of an owner's attributes by their keys."""
    return Attribute.objects.owned_by(owner).kinds()
