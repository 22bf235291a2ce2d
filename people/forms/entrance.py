"""allauth's forms, in this site's words."""

from typing import Any

from allauth.account import forms as account
from allauth.account.models import EmailAddress
from allauth.mfa.base import forms as two_factor
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from people.address_fields import AccountAddressFormField, AddressInput

WORDS = {
    "login": _("Email"),
    "email": _("Email"),
    "password": _("Password"),
    "oldpassword": _("Current password"),
    "password1": _("Password"),
    "password2": _("Password, again"),
    "code": _("Code"),
    "remember": _("Stay logged in on this device"),
}
STRENGTH = _("At least 8 characters. Not your name or email, not only digits, not a common password.")


NO_PASSKEY = _("This is not a passkey's answer. Try again.")


class InOurWords(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = WORDS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field, forms.EmailField):
                self.fields[name] = AccountAddressFormField(
                    label=field.label,
                    required=field.required,
                    widget=AddressInput(attrs={"autocomplete": "email"}),
                )
        if "password1" in self.fields:
            self.fields["password1"].help_text = STRENGTH


class Login(InOurWords, account.LoginForm): ...


class Signup(InOurWords, account.SignupForm):
    def try_save(self, request: HttpRequest) -> Any:
        if self.account_already_exists:
            # Take as long as for a new account: the time must not tell that one exists.
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)

    def save(self, request: HttpRequest) -> Any:
        """Note the address also where allauth's own check would miss it: it knows only ASCII."""
        user = super().save(request)
        EmailAddress.objects.get_or_create(user=user, email=user.email, defaults={"primary": True})
        return user


class ResetPassword(InOurWords, account.ResetPasswordForm): ...


class ResetPasswordKey(InOurWords, account.ResetPasswordKeyForm): ...


class ChangePassword(InOurWords, account.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = _("New password")
        self.fields["password2"].label = _("New password, again")


class SetPassword(InOurWords, account.SetPasswordForm): ...


class AddEmail(InOurWords, account.AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New email")


class Reauthenticate(InOurWords, account.ReauthenticateForm): ...


class ActivateTotp(InOurWords, totp.ActivateTOTPForm): ...


MADE_UP = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
)  # what fido2 raises for an answer that no browser makes


class LoginByPasskey(webauthn.LoginWebAuthnForm):
    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()
        except MADE_UP as error:
            raise ValidationError(NO_PASSKEY) from error


class AuthenticateByPasskey(webauthn.AuthenticateWebAuthnForm):
    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()
        except MADE_UP as error:
            raise ValidationError(NO_PASSKEY) from error


class ReauthenticateByPasskey(AuthenticateByPasskey):
    reauthenticated = True


class AddPasskey(InOurWords, webauthn.AddWebAuthnForm):
    def clean(self) -> Any:
        try:
            return super().clean()
        except MADE_UP as error:
            raise ValidationError(NO_PASSKEY) from error

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, alone = self.fields["name"], self.fields["passwordless"]
        name.label = _("Name")
        name.widget.attrs |= {"autocomplete": "off", "maxlength": 100}
        name.validators.append(MaxLengthValidator(100))
        alone.label, alone.initial = _("Log in with it alone, without the password"), True
        alone.help_text = _("It then asks for your finger, your face or its PIN.")


class RenamePasskey(InOurWords, webauthn.EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["name"]
        name.label = _("Name")
        name.widget.attrs |= {"autocomplete": "off", "maxlength": 100}
        name.validators.append(MaxLengthValidator(100))


class KnowsFactors:
    """What a user has besides the password: the page must not ask for what is not there."""

    user: Any

    @cached_property
    def kinds(self) -> set[str]:
        kinds = Authenticator.objects.filter(user=self.user).values_list("type", flat=True)
        return {str(kind) for kind in kinds}

    @property
    def has_app(self) -> bool:
        return Authenticator.Type.TOTP in self.kinds

    @property
    def has_passkey(self) -> bool:
        return Authenticator.Type.WEBAUTHN in self.kinds

    @property
    def has_recovery_codes(self) -> bool:
        return Authenticator.Type.RECOVERY_CODES in self.kinds


class EnterCode(KnowsFactors, InOurWords, two_factor.AuthenticateForm): ...


class EnterCodeAgain(KnowsFactors, InOurWords, two_factor.ReauthenticateForm): ...
