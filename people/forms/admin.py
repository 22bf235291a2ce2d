from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm

from people.models import User


class LowerCaseEmail:
    """Addresses are compared without case, so they are kept without."""

    cleaned_data: dict[str, str]

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class AdminCreationForm(LowerCaseEmail, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


class AdminChangeForm(LowerCaseEmail, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"
