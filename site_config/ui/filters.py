from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, FilterSet

from site_config.ui.search import contains


class ListFilter(FilterSet):
    """The filter above a list; its fields' ids never clash with those of a form in the dialog."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The matching rows; none at all if the filter is invalid.

        An action on "all that match" must never reach everybody because of a mistake in a URL.
        """
        if not self.form.is_valid():
            return queryset.none()
        filtered: QuerySet[Any] = super().filter_queryset(queryset)
        return filtered

    @property
    def form(self) -> Any:
        form = super().form
        form.auto_id = "filter_%s"
        return form

    @property
    def chosen(self) -> int:
        """How many of the filter's fields are in use."""
        return sum(bool(self.data.get(name)) for name in self.filters)


class SearchInput(forms.TextInput):
    input_type = "search"

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "off"})


class SearchFilter(CharFilter):
    """One box that searches several fields."""

    def __init__(self, *, fields: Sequence[str], **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Search"))
        super().__init__(
            max_length=100,
            widget=SearchInput(),
            **kwargs,
        )
        self.fields = fields

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(contains(self.fields, value)) if value else qs
