"""Forms over one row of one owner."""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

Row = TypeVar("Row", bound=models.Model)
CHANGED_MEANWHILE = _(
    "This was changed in the meantime, in another window or by someone else. Nothing has been saved yet."
    " Save again to overwrite it, or reload the page to see the other version."
)
LONGEST_ID = 18  # digits; a bigint has 19

if TYPE_CHECKING:
    from people.models import User

    class _ModelForm(forms.ModelForm[Row]): ...

else:

    class _ModelForm(forms.ModelForm):
        """Django's own cannot be subscripted outside annotations."""

        def __class_getitem__(cls, _row: Any) -> type:
            return cls


class ModelForm(_ModelForm[Row]):
    """A form that checks its row's constraints, including those on the owner, which is not a form field.

    `beside`: the field at which a violated constraint's message is shown.
    """

    beside: ClassVar[str] = NON_FIELD_ERRORS

    def _update_errors(self, errors: ValidationError) -> None:
        """Show a message about the whole row where it belongs; Django has no public method for it."""
        found = getattr(errors, "error_dict", {})
        if self.beside in self.fields and NON_FIELD_ERRORS in found:
            found.setdefault(self.beside, []).extend(found.pop(NON_FIELD_ERRORS))
        super()._update_errors(errors)  # type: ignore[misc]  # Django's own, without a type

    def validate_unique(self) -> None:
        super().validate_unique()
        self.validate_constraints()

    def validate_constraints(self) -> None:
        known = {*self.fields, "owner"} - set(self.errors)
        excluded = {field.name for field in self.instance._meta.fields} - known
        try:
            self.instance.validate_constraints(exclude=excluded)
        except ValidationError as error:
            beside = None if self.beside == NON_FIELD_ERRORS else self.beside
            self.add_error(beside, ValidationError(error.messages))


class RowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Several rows; an impossible id is refused before the database is asked."""

    def clean(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and any(len(str(pk)) > LONGEST_ID for pk in value):
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().clean(value)


class OwnedForm(ModelForm[Row]):
    """A form over one owner's row.

    `form_key` is made with the empty form, so that the same form sent twice makes one row. `seen` is the row
    as it was when the form was made, so that nobody's change is overwritten unseen.
    """

    # Without an id, for a page may have several such forms.
    form_key = forms.UUIDField(widget=forms.HiddenInput(attrs={"id": False}), required=False)
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, *args: Any, owner: "User", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        if self.instance.pk:
            del self.fields["form_key"]
            self.fields["seen"].initial = self._stands
        else:
            del self.fields["seen"]
            self.instance.owner = owner  # type: ignore[attr-defined]  # every such row has one

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        seen = data.get("seen")
        if seen and seen != self._stands():
            self.data = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
            self.data["seen"] = self._stands()  # type: ignore[index]  # a copy can be changed
            raise ValidationError(CHANGED_MEANWHILE, code="changed")
        return data

    def _stands(self) -> str:
        """A digest of the row as it is, by which a form knows whether it was changed meanwhile."""
        values = {
            name: _plain(self.get_initial_for_field(field, name))
            for name, field in self.fields.items()
            if name != "seen"
        }
        return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> str | list[str]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return sorted(str(getattr(item, "pk", item)) for item in value)
    return str(value)
