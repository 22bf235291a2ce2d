from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_filters import CharFilter, ChoiceFilter, DateFilter, ModelChoiceFilter

from mailer.audience.conditions import TESTS
from mailer.audience.rules import BrokenRule, Known, Rule, Term, read_term
from mailer.audience.rules.terms import MailingTerm, StopTerm
from mailer.models import Attribute, Client, ClientGroup
from mailer.models.attribute import attributes_of
from mailer.models.client import ClientQuerySet
from site_config.ui.filters import ListFilter, SearchFilter, SearchInput


def groups_of(request: HttpRequest | None) -> QuerySet[ClientGroup]:
    if request is None or not request.user.is_authenticated:
        return ClientGroup.objects.none()
    return ClientGroup.objects.owned_by(request.user)


class ClientSearch(CharFilter):
    def __init__(self) -> None:
        super().__init__(label=_("Email or name"), max_length=100, widget=SearchInput(), method="unfiltered")


class TermsForm(forms.Form):
    """What a filter says, as the conditions of a rule: a group can be made from them."""

    known: Known | None
    # field, what it looks at, how; without a test the field of that name says it
    MEANS = (
        ("q", "text", "has"),
        ("group", "group", "in"),
        ("suppressed", "stop", "is"),
        ("added_from", "joined", "from"),
        ("added_before", "joined", "before"),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.terms: list[Term] = []
        for name, what, test in self.MEANS:
            value = data.get(name)
            if value:
                self._read(name, what, test, str(getattr(value, "pk", value)))
        self._read_pair("mailing", "mailing", data.get("mailed") or "got", chosen=bool(data.get("mailed")))
        self._read_attribute(data)
        self._look_up()
        return data

    def _read_attribute(self, data: dict[str, Any]) -> None:
        key, test, text = data.get("attribute"), data.get("test") or "", data.get("value") or ""
        if key:
            self._read("value", f"attribute:{key}", test, text)
        elif (test or text) and "attribute" in self.fields and "attribute" not in self.errors:
            self.add_error("attribute", _("Choose what to compare."))

    def _read_pair(self, name: str, what: str, test: str, *, chosen: bool) -> None:
        value = self.cleaned_data.get(name)
        if value:
            self._read(name, what, test, value)
        elif chosen and name not in self.errors:
            self.add_error(name, _("Choose a mailing."))

    def _read(self, field: str, what: str, test: str, text: str) -> None:
        if self.known is None:
            return
        try:
            self.terms.append(read_term(what=what, test=test, text=text, known=self.known))
        except ValidationError as error:
            self.add_error(field, error)

    def _look_up(self) -> None:
        """A group whose rule is broken finds nobody, and says why."""
        if self.known and self.terms:
            try:
                self.rule.check(group=None, known=self.known)
            except BrokenRule as error:
                self.add_error("group" if "group" in self.fields else None, str(error))

    @property
    def rule(self) -> Rule:
        return Rule(terms=tuple(self.terms))


class AttributeFilter(ListFilter):
    """By one attribute; its fields are there only if the owner has attributes."""

    attribute = ChoiceFilter(label=_("Attribute"), empty_label=_("Any"), method="unfiltered")
    test = ChoiceFilter(
        label=_("Compared"),
        empty_label=TESTS[""],
        choices=[(test, text) for test, text in TESTS.items() if test],
        method="unfiltered",
    )
    value = CharFilter(
        label=pgettext_lazy("of an attribute", "Value"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        method="unfiltered",
    )

    class Meta:
        model = Client
        fields: tuple[str, ...] = ()
        form = TermsForm

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = getattr(self.request, "user", None)
        signed_in = user if user and user.is_authenticated else None
        self.known = Known(signed_in) if signed_in else None
        keys = [one.key for one in attributes_of(signed_in)] if signed_in else []
        for name in ("attribute", "test", "value"):
            field = self.filters.pop(name)
            if keys:  # last
                self.filters[name] = field
        if keys:
            self.filters["attribute"].extra["choices"] = [(key, key) for key in keys]

    def get_form_class(self) -> Any:
        form_class: Any = super().get_form_class()
        return type(form_class.__name__, (form_class,), {"known": self.known})

    def unfiltered(self, queryset: ClientQuerySet, _name: str, _value: Any) -> ClientQuerySet:
        return queryset  # see filter_queryset

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found: Any = super().filter_queryset(queryset)
        if not self.form.is_valid() or self.known is None:
            return queryset.none()
        narrowed: QuerySet[Any] = self.form.rule.among(found, known=self.known)
        return narrowed


class ClientFilter(AttributeFilter):
    q = ClientSearch()
    group = ModelChoiceFilter(
        queryset=groups_of, label=_("Group"), empty_label=_("All groups"), method="unfiltered"
    )
    suppressed = ChoiceFilter(label=_("Stop-list"), empty_label=_("All clients"), method="unfiltered")
    added_from = DateFilter(
        label=_("Added since"), widget=forms.DateInput(attrs={"type": "date"}), method="unfiltered"
    )
    added_before = DateFilter(
        label=_("Added before"), widget=forms.DateInput(attrs={"type": "date"}), method="unfiltered"
    )
    mailing = ChoiceFilter(label=_("Mailing"), empty_label=_("Any"), method="unfiltered")
    mailed = ChoiceFilter(
        label=_("Sent to them?"),
        empty_label=pgettext_lazy("it was sent to them", "yes"),
        choices=[("not", pgettext_lazy("it was not sent to them", "no"))],
        method="unfiltered",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (known := self.known) is not None:
            self.filters["suppressed"].extra["choices"] = StopTerm.choices(known)
            self.filters["mailing"].extra["choices"] = lambda: MailingTerm.choices(known)


class MemberFilter(AttributeFilter):
    q = ClientSearch()


class GroupFilter(ListFilter):
    q = SearchFilter(fields=("name",), label=pgettext_lazy("of a group", "Name"))

    class Meta:
        model = ClientGroup
        fields: tuple[str, ...] = ()


class AttributeNameFilter(ListFilter):
    q = SearchFilter(fields=("key",), label=pgettext_lazy("of an attribute", "Name"))

    class Meta:
        model = Attribute
        fields: tuple[str, ...] = ()
