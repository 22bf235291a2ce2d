"""A group's rule in a form: a row of three fields per condition, and an empty one for the next."""

from hashlib import sha256
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _

from mailer.audience.rules import ANY, MOST_TERMS, BrokenRule, Known, Rule, Term, conditions, read_term
from mailer.audience.rules.terms import ATTRIBUTE, LONGEST_TEXT, TERMS, AttributeTerm
from mailer.models import Attribute, Client, ClientGroup
from mailer.models.client import ClientQuerySet
from people.models import User
from site_config.ui.forms import OwnedForm

LOOK = "look"  # the button that shows whom the conditions find, without saving
_INPUTS: dict[str, str] = {Attribute.Kind.DATE: "date", Attribute.Kind.NUMBER: "number"}


class TermForm(forms.Form):
    """One condition. Its test and value depend on what it looks at."""

    what = forms.ChoiceField(label=_("What"), required=False)
    test = forms.ChoiceField(label=_("Compared"), required=False)
    value = forms.CharField(label=_("With"), required=False, max_length=LONGEST_TEXT)

    term: Term | None = None

    def __init__(self, *args: Any, known: Known, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known
        self.fields["what"].choices = _things(known)  # type: ignore[attr-defined]
        what = str(self["what"].value() or "")
        tests = _tests(what)
        self.fields["test"].choices = list(tests.items())  # type: ignore[attr-defined]
        self.fields["value"].widget = _value_widget(what, known)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = str(field.label)

    @property
    def is_blank(self) -> bool:
        return not self["what"].value()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("what") and "test" in data and "value" in data:
            try:
                self.term = read_term(
                    what=data["what"], test=data["test"], text=data["value"], known=self.known
                )
            except ValidationError as error:
                self.add_error("value", error)
        return data


def _things(known: Known) -> list[Any]:
    attributes = [(f"{ATTRIBUTE}:{key}", key) for key in known.kinds]
    things: list[Any] = [("", "—"), *((what, term.menu or term.label) for what, term in TERMS.items())]
    return [*things, (_("Attributes"), attributes)] if attributes else things


def _tests(what: str) -> dict[str, Any]:
    if what.partition(":")[0] == ATTRIBUTE:
        return dict(AttributeTerm.tests)
    return dict(TERMS[what].tests) if what in TERMS else {}


def _value_widget(what: str, known: Known) -> forms.Widget:
    name, _sep, key = what.partition(":")
    if name == ATTRIBUTE:
        kind = known.kinds.get(key, "")
        if kind == Attribute.Kind.YES_NO:
            return forms.Select(choices=[("", "—"), ("yes", _("yes")), ("no", _("no"))])
        return _input(_INPUTS.get(kind, "text"))
    term = TERMS.get(what)
    choices = term.choices(known) if term else []
    if choices:
        return forms.Select(choices=[("", "—"), *choices])
    return _input(term.value_type if term else "text")


def _input(kind: str) -> forms.Widget:
    return forms.TextInput(
        attrs={"autocomplete": "off", "type": kind, **({"step": "any"} if kind == "number" else {})}
    )


class _Terms(BaseFormSet):  # type: ignore[type-arg]  # not subscriptable at run time
    def clean(self) -> None:
        if not any(self.errors) and not self.terms:
            raise ValidationError(_("Add at least one condition."))

    @property
    def terms(self) -> tuple[Term, ...]:
        return tuple(form.term for form in self.forms if form.term)


TermsFormSet = formset_factory(
    TermForm, formset=_Terms, extra=1, max_num=MOST_TERMS, absolute_max=MOST_TERMS + 1, validate_max=True
)


class RuleForm(OwnedForm[ClientGroup]):
    """A group by rule: its name, its conditions, and how many of them must hold."""

    beside = "name"
    PREFIX: ClassVar[str] = "term"

    match = forms.ChoiceField(
        label=_("Clients for whom"),
        required=False,
        choices=[("", _("all of this is true")), (ANY, _("any of this is true"))],
    )

    class Meta:
        model = ClientGroup
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def __init__(self, *args: Any, owner: User, initial: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, owner=owner, initial=initial, **kwargs)
        self.known = Known(owner).within((self.instance.pk,) if self.instance.pk else ())
        self.looking = LOOK in self.data
        self.stored = self.instance.rule or (initial or {}).get("rule")
        rows, any_of = conditions(self.stored)
        self.fields["match"].initial = ANY if any_of else ""
        self.terms: Any = TermsFormSet(
            data=self._rows() if self.is_bound else None,
            prefix=self.PREFIX,
            # Not beside data: a row that is sent as it was offered would count as empty.
            initial=None if self.is_bound else rows,
            form_kwargs={"known": self.known},
        )

    def _stands(self) -> str:
        return sha256(f"{super()._stands()} {self.instance.rule}".encode()).hexdigest()

    def _rows(self) -> Any:
        """The rows that were sent, without empty ones, and one more to fill in."""
        sent: Any = self.data
        names, rows = ("what", "test", "value"), []
        for place in range(MOST_TERMS + 1):
            row = [sent.get(f"{self.PREFIX}-{place}-{name}", "") for name in names]
            if row[0]:
                rows.append(row)
        data = {
            f"{self.PREFIX}-{place}-{name}": value
            for place, row in enumerate(rows)
            for name, value in zip(names, row, strict=True)
        }
        number = len(rows) + (len(rows) < MOST_TERMS)
        return {**data, f"{self.PREFIX}-TOTAL_FORMS": str(number), f"{self.PREFIX}-INITIAL_FORMS": "0"}

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not self.terms.is_valid():
            self.add_error(None, _("Complete each condition, or remove it by choosing “—”."))
            return data
        self.rule = self._entered()
        try:
            self.rule.check(group=self.instance, known=self.known)
        except BrokenRule as error:
            self.add_error(None, str(error))
        return data

    def _entered(self) -> Rule:
        return Rule(terms=self.terms.terms, any_of=self["match"].value() == ANY)

    def found(self) -> ClientQuerySet | None:
        """Whom the form's conditions find; None while they make no sense."""
        if not (self.terms.is_valid() if self.is_bound else self.stored):
            return None
        try:
            rule = self._entered() if self.is_bound else Rule.load(self.stored, known=self.known)
            return rule.among(Client.objects.owned_by(self.owner), known=self.known)
        except BrokenRule:
            return None
