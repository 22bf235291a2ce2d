"""Merge fields that leave a gap in somebody's mail, and in how many."""

from dataclasses import dataclass

from django.db.models import Count, Q, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from liquid.exceptions import LiquidError

from mailer.composing.attribute_values import Typed, nothing
from mailer.composing.compiling import Compiled
from mailer.composing.first_names import first_name
from mailer.composing.merge import SAMPLE
from mailer.models import Client
from mailer.models.attribute import SALUTATION
from mailer.models.client import ClientQuerySet

LOOKED_AT = 5_000  # clients: more would keep the page waiting
OF_NAME = {"full_name", "first_name", "salutation"}


@dataclass(frozen=True, kw_only=True)
class Gap:
    name: str
    number: int  # of clients
    of: int
    more: bool = False  # there are clients that were not checked


class _Gone(Typed):
    """Nothing to conditions and to `default`, and its name wherever it would be written."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def fields_that_leave_gaps(compiled: Compiled) -> list[str]:
    """Those that some branch outputs without a fallback."""
    names = sorted(name for name in compiled.names if name in OF_NAME or name not in SAMPLE)
    marks = {name: f"\u27e6{number}\u27e7" for number, name in enumerate(names)}
    values: dict[str, str] = {**SAMPLE, **nothing(names)}
    for name, mark in marks.items():
        values[name] = _gone(mark, typed="" if name in SAMPLE else None)
    try:
        filled = compiled.fill(values)
    except LiquidError:  # the preview says so
        return []
    shown = filled.subject + filled.html + filled.text
    return [name for name, mark in marks.items() if mark in shown]


def _gone(mark: str, typed: str | None) -> _Gone:
    made = _Gone(mark)
    made.typed = typed
    return made


def gaps(*, compiled: Compiled, clients: ClientQuerySet) -> list[Gap]:
    """How many of these clients lack what the message shows of them, in two queries at most."""
    names = fields_that_leave_gaps(compiled)
    if not names:
        return []
    ids = clients.order_by().values("pk")[: LOOKED_AT + 1]
    rows = Client.objects.filter(pk__in=ids).order_by()
    values = {
        f"of_{number}": Coalesce(KeyTextTransform(name, "attributes"), Value(""), output_field=TextField())
        for number, name in enumerate(names)
    }
    lacking = {
        f"lack_{number}": Count("pk", filter=_lacks(name, f"of_{number}"))
        for number, name in enumerate(names)
    }
    counts = rows.annotate(**values).aggregate(every=Count("pk"), **lacking)
    greeted = [name for name in ("first_name", SALUTATION) if name in names]
    if greeted:
        counts |= _without_first_name(rows, greeted, names)
    every, more = min(counts["every"], LOOKED_AT), counts["every"] > LOOKED_AT
    found = [(name, min(counts[f"lack_{number}"], every)) for number, name in enumerate(names)]
    return [Gap(name=name, number=number, of=every, more=more) for name, number in found if number]


def _without_first_name(rows: ClientQuerySet, greeted: list[str], names: list[str]) -> dict[str, int]:
    own = KeyTextTransform(SALUTATION, "attributes")
    nameless = [salutation for name, salutation in rows.values_list("full_name", own) if not first_name(name)]
    lacking = {"first_name": len(nameless), SALUTATION: sum(not own for own in nameless)}
    return {f"lack_{names.index(name)}": lacking[name] for name in greeted}


def _lacks(name: str, value: str) -> Q:
    return Q(full_name="") if name in OF_NAME else Q(**{value: ""})
