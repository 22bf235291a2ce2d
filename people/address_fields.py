"""Form and model fields that keep an address in its one spelling."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from people.addresses import LONGEST_KEY, account_address, canonical, key_of


class AddressInput(forms.EmailInput):
    """Not of type `email`: browsers would refuse a local part in other scripts (RFC 6531)."""

    input_type = "text"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        usual = {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__({**usual, **(attrs or {})})


class AddressFormField(forms.EmailField):
    """Returns an address in its one spelling, or says in one sentence what is wrong."""

    widget = AddressInput
    default_validators = []
    spelling = staticmethod(canonical)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return self.spelling(text) if text else text


class AccountAddressFormField(AddressFormField):
    """An address to log in with."""

    spelling = staticmethod(account_address)


class AddressField(models.EmailField):  # type: ignore[type-arg]  # not subscriptable at run time
    """An address, cleaned to its one spelling."""

    default_validators = []
    form_field: type[AddressFormField] = AddressFormField
    spelling = staticmethod(canonical)

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        return super().clean(self.spelling(value) if value else value, model_instance)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": self.form_field, **kwargs})


class AccountAddressField(AddressField):
    """An address to log in with, unique as it stands."""

    form_field = AccountAddressFormField
    spelling = staticmethod(account_address)


class HasAddress(models.Model):
    """A row with `email` and `address_key`."""

    class Meta:
        abstract = True

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Check the key wherever a form checks the address; forms do not show the key."""
        excluded = set(exclude or ())
        super().validate_constraints(exclude=excluded if "email" in excluded else excluded - {"address_key"})


class _KeyOfEmail(DeferredAttribute):
    """Always computed from the row's address, so that there is nothing to keep in step."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        return self if instance is None else key_of(instance.email)

    def __set__(self, instance: Any, value: Any) -> None:
        """Ignore the database's value, but note it, so that Django knows the field was loaded."""
        instance.__dict__[self.field.attname] = value


class AddressKeyField(models.CharField):  # type: ignore[type-arg]  # as above
    """What the row's `email` is compared by; set whenever the row is saved."""

    descriptor_class = _KeyOfEmail

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": LONGEST_KEY, "editable": False, "default": "", **kwargs})
