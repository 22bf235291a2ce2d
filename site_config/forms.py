"""Forms over one row of one owner."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from people.models import User

Row = TypeVar("Row", bound=models.Model)
LONGEST_ID = 18  # digits; a bigint has 19

if TYPE_CHECKING:
    ModelForm = forms.ModelForm
else:

    class ModelForm(forms.ModelForm):
        """Django's own cannot be subscripted outside of annotations."""

        def __class_getitem__(cls, _row: Any) -> type:
            return cls


class RowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Several rows; an id that no row can have is refused before the database is asked."""

    def clean(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and any(len(str(pk)) > LONGEST_ID for pk in value):
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().clean(value)


class OwnedForm(ModelForm[Row]):
    """A form over one owner's row.

    `form_key` is minted with the empty form, so that the same form sent twice makes one row.
    `beside`: the field under which the message of a violated constraint stands.
    """

    beside: ClassVar[str] = NON_FIELD_ERRORS

    form_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        if self.instance.pk:
            del self.fields["form_key"]
        else:
            self.instance.owner = owner  # type: ignore[attr-defined]  # every such row has one

    def validate_unique(self) -> None:
        super().validate_unique()
        self.validate_constraints()

    def validate_constraints(self) -> None:
        """Check the constraints over the owner too, which is no field of the form."""
        known = {*self.fields, "owner"} - set(self.errors)
        excluded = {field.name for field in self.instance._meta.fields} - known
        try:
            self.instance.validate_constraints(exclude=excluded)
        except ValidationError as error:
            beside = None if self.beside == NON_FIELD_ERRORS else self.beside
            self.add_error(beside, ValidationError(error.messages))
