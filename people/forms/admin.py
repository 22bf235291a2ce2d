from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm

from people.models import User


class AdminCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


class AdminChangeForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"
