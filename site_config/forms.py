"""Forms over one row of one owner."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from people.models import User

Row = TypeVar("Row", bound=models.Model)
LONGEST_ID = 18  # digits; a bigint has 19

if TYPE_CHECKING:

    class _ModelForm(forms.ModelForm[Row]): ...

else:

    class _ModelForm(forms.ModelForm):
        """Django's own cannot be subscripted outside of annotations."""

        def __class_getitem__(cls, _row: Any) -> type:
            return cls


class ModelForm(_ModelForm[Row]):
    """A form that checks the constraints of its row, also over the owner, who is no field of a form.

    `beside`: the field under which the message of a violated constraint stands.
    """

    beside: ClassVar[str] = NON_FIELD_ERRORS

    def _update_errors(self, errors: ValidationError) -> None:
        """Put a message of the whole row where it belongs."""
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
    """Several rows; an id that no row can have is refused before the database is asked."""

    def clean(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and any(len(str(pk)) > LONGEST_ID for pk in value):
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().clean(value)


class OwnedForm(ModelForm[Row]):
    """A form over one owner's row.

    `form_key` is minted with the empty form, so that the same form sent twice makes one row.
    """

    form_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        if self.instance.pk:
            del self.fields["form_key"]
        else:
            self.instance.owner = owner  # type: ignore[attr-defined]  # every such row has one
