"""Clients by the values of their attributes: one condition each, for filters and rules."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.models import Attribute
from mailer.models.attribute import read_value
from mailer.models.client import ClientQuerySet

IS, NOT, HAS, FROM, TO, UNSET = "", "not", "has", "from", "to", "unset"
TESTS = {
    IS: gettext_lazy("is"),
    NOT: gettext_lazy("is not"),
    HAS: gettext_lazy("contains"),
    FROM: gettext_lazy("is at least, or not before"),
    TO: gettext_lazy("is at most, or not after"),
    UNSET: gettext_lazy("is not known"),
}
_ORDERED = (Attribute.Kind.NUMBER, Attribute.Kind.DATE)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What an attribute must be. Without a value: whether it is known at all."""

    key: str
    kind: str
    test: str = IS
    value: Any = None

    @classmethod
    def read(cls, *, key: str, kind: str, test: str, text: str) -> "Condition":
        """A condition as people write it; raises ValidationError if it makes no sense."""
        if test == UNSET:
            return cls(key=key, kind=kind, test=test)
        if not text.strip():
            if test != IS:
                raise ValidationError(_("Enter a value to compare with."))
            return cls(key=key, kind=kind)
        if test == HAS and kind != Attribute.Kind.TEXT:
            raise ValidationError(_("Only text can contain something."))
        if test in (FROM, TO) and kind not in _ORDERED:
            raise ValidationError(_("Only numbers and dates can be more or less than something."))
        return cls(key=key, kind=kind, test=test, value=read_value(kind, text))

    def among(self, clients: ClientQuerySet) -> ClientQuerySet:
        """The clients for whom it is true."""
        known = Q(attributes__has_key=self.key)
        if self.test == UNSET:
            return clients.filter(~known)
        if self.value is None:
            return clients.filter(known)
        if connection.vendor == "postgresql" and self.test in (IS, NOT):
            # Uses the index on attributes' values.
            equal = Q(attributes__contains={self.key: self.value})
            return clients.filter(equal if self.test == IS else ~equal)
        # An alias, not a name like attributes__city__gte: a key may have the name of a lookup.
        name = f"held_{self.key.encode().hex()}"
        compared = Q(**{f"{name}__{_LOOKUPS[self.test]}": self.value})
        found = ~known | ~compared if self.test == NOT else known & compared
        return clients.alias(**{name: KeyTransform(self.key, "attributes")}).filter(found)


_LOOKUPS = {IS: "exact", NOT: "exact", HAS: "icontains", FROM: "gte", TO: "lte"}
