from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.utils.translation import gettext_lazy as _

from people.avatar import make_avatar
from people.models import User
from people.zone_field import ZoneField
from site_config.ui.forms import ModelForm


class ProfileForm(ModelForm[User]):
    time_zone = ZoneField(
        label=_("Time zone"), help_text=_("All times are shown and entered in this zone. Type a city.")
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=settings.LANGUAGES, help_text=_("For the site and our emails to you.")
    )
    avatar = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"}),
        help_text=_("JPEG, PNG, WebP or GIF, at most 5 MB. It is cropped to a square."),
    )
    remove_avatar = forms.BooleanField(label=_("Remove the picture"), required=False)

    class Meta:
        model = User
        fields = ("name", "company", "time_zone", "language")
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "company": forms.TextInput(attrs={"autocomplete": "organization"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.avatar:
            del self.fields["remove_avatar"]

    def clean_avatar(self) -> ContentFile | None:  # type: ignore[type-arg]  # not subscriptable
        upload = self.cleaned_data["avatar"]
        return make_avatar(upload) if upload else None

    def save(self, commit: bool = True) -> User:
        user = self.instance
        before = user.avatar.name
        picture = self.cleaned_data["avatar"]
        if picture or self.cleaned_data.get("remove_avatar"):
            user.avatar = picture or ""
        # Never the whole row: a manager may have blocked this user while the form was open.
        user.save(update_fields=["name", "company", "time_zone", "language", "avatar"])
        if before and before != user.avatar.name:
            user.avatar.storage.delete(before)
        return user


class DeleteAccountForm(forms.Form):
    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your password."))
        return password
