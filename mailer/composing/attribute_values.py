"""Clients' attributes as merge fields: as text where they are shown, typed where they are compared."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.utils import timezone, translation
from liquid.exceptions import LiquidError

from mailer.composing.merge import MERGE_FIELDS, TEXT
from mailer.models import Attribute
from mailer.models.attribute import SALUTATION, shown_value

_SAMPLES: dict[str, Any] = {Attribute.Kind.NUMBER: 42, Attribute.Kind.YES_NO: True}


class Typed(str):
    """What people read. In a condition it is `typed`: “no” is false, and a missing value is nothing."""

    __slots__ = ("language", "typed")
    typed: Any
    language: str  # in which filters write it

    def __liquid__(self) -> Any:
        return self.typed


def typed(kind: str, value: Any) -> Typed:
    """A value as a merge field takes it, in the active language."""
    text = Typed(shown_value(kind, value))
    text.typed, text.language = value, translation.get_language() or "en"
    return text


NOTHING = typed(Attribute.Kind.TEXT, None)


class AttributeValues:
    """Gives each recipient the attributes that a message names."""

    def __init__(self, names: Collection[str], kinds: Mapping[str, str], *, language: str) -> None:
        """`names`: all merge fields of the message; `kinds`: those of the owner's attributes."""
        self._kinds = {name: kinds.get(name, "") for name in names if name not in MERGE_FIELDS}
        self._greets = SALUTATION in names
        self._language = language
        self._known: dict[tuple[str, Any], Typed] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds) or self._greets

    def of(self, stored: str | None) -> dict[str, str]:
        """The values of a recipient whose attributes are this JSON; missing ones are empty."""
        try:
            values = json.loads(stored) if stored else {}
        except ValueError:
            values = {}
        if not isinstance(values, dict):
            values = {}
        found: dict[str, str] = {
            name: self._typed(name, kind, values.get(name)) for name, kind in self._kinds.items()
        }
        if self._greets and (own := values.get(SALUTATION)):
            found[SALUTATION] = str(own)
        return found

    def _typed(self, name: str, kind: str, value: Any) -> Typed:
        if value is None:
            return NOTHING
        if isinstance(value, str) and kind != Attribute.Kind.DATE:
            return typed(kind, value)
        key = (name, value)
        if key not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            with translation.override(self._language):
                self._known[key] = typed(kind, value)
        return self._known[key]


def likely(kinds: Mapping[str, str]) -> dict[str, Any]:
    """A sample recipient's attributes: a text shows its name in words, the others something likely."""
    found = {**_SAMPLES, Attribute.Kind.DATE: timezone.localdate().isoformat()}
    return {
        name: found.get(kind, name.replace("_", " "))
        for name, kind in kinds.items()
        if name not in MERGE_FIELDS
    }


def samples(kinds: Mapping[str, str]) -> dict[str, str]:
    """The same as merge fields take them."""
    return {name: typed(kinds[name], value) for name, value in likely(kinds).items()}


def nothing(kinds: Iterable[str]) -> dict[str, str]:
    """The attributes of a client who has none."""
    return dict.fromkeys((name for name in kinds if name not in MERGE_FIELDS), NOTHING)


def names_attributes(subject: str, body: str) -> bool:
    """Whether a message has a merge field for which a run must keep its clients' attributes."""
    names: set[str] = set()
    for source in (subject, body):
        try:
            names |= set(TEXT.from_string(source).global_variables())
        except LiquidError:  # the error comes when it is sent
            continue
    return bool(names - (set(MERGE_FIELDS) - {SALUTATION}))
