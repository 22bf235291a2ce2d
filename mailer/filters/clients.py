from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_filters import CharFilter, ChoiceFilter, ModelChoiceFilter

from mailer.audience.conditions import TESTS, Condition
from mailer.models import Attribute, Client, ClientGroup, Suppression
from mailer.models.attribute import attributes_of
from mailer.models.client import ClientQuerySet
from site_config.ui.filters import ListFilter, SearchFilter


def groups_of(request: HttpRequest | None) -> QuerySet[ClientGroup]:
    if request is None or not request.user.is_authenticated:
        return ClientGroup.objects.none()
    return ClientGroup.objects.owned_by(request.user)


class ClientSearch(SearchFilter):
    def __init__(self) -> None:
        super().__init__(fields=(), label=_("Email or name"))

    def filter(self, qs: Any, value: str) -> Any:
        return qs.search(value) if value else qs


class ConditionForm(forms.Form):
    """The three fields of a condition are one: they are checked together."""

    kinds: dict[str, str]
    condition: Condition | None = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        key, test, text = data.get("attribute"), data.get("test") or "", data.get("value") or ""
        if not key:
            if (test or text) and "attribute" in self.fields and "attribute" not in self.errors:
                self.add_error("attribute", _("Choose what to compare."))
            return data
        try:
            self.condition = Condition.read(key=key, kind=self.kinds[key], test=test, text=text)
        except ValidationError as error:
            self.add_error("value", error)
        return data


class AttributeFilter(ListFilter):
    """By one attribute; its fields are there if the owner has attributes."""

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
        form = ConditionForm

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = getattr(self.request, "user", None)
        known = attributes_of(user) if user and user.is_authenticated else []
        self.kinds = {one.key: one.kind for one in known}
        if not self.kinds:
            for name in ("attribute", "test", "value"):
                del self.filters[name]
        else:
            for name in ("attribute", "test", "value"):  # last
                self.filters[name] = self.filters.pop(name)
            self.filters["attribute"].extra["choices"] = [(key, key) for key in self.kinds]

    def get_form_class(self) -> Any:
        form_class: Any = super().get_form_class()
        return type(form_class.__name__, (form_class,), {"kinds": self.kinds})

    def unfiltered(self, queryset: ClientQuerySet, _name: str, _value: Any) -> ClientQuerySet:
        return queryset  # see filter_queryset

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found: Any = super().filter_queryset(queryset)
        condition = self.form.condition
        narrowed: QuerySet[Any] = condition.among(found) if condition and self.form.is_valid() else found
        return narrowed


class ClientFilter(AttributeFilter):
    q = ClientSearch()
    group = ModelChoiceFilter(
        field_name="groups", queryset=groups_of, label=_("Group"), empty_label=_("All groups")
    )
    suppressed = ChoiceFilter(
        method="by_suppression",
        label=_("Stop-list"),
        empty_label=_("All clients"),
        choices=[("no", _("Can be mailed")), ("yes", _("On the stop-list")), *Suppression.Reason.choices],
    )

    def by_suppression(self, queryset: ClientQuerySet, _name: str, value: Any) -> ClientQuerySet:
        if value == "no":
            return queryset.mailable()
        return queryset.stopped() if value == "yes" else queryset.stopped(value)


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
