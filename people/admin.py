from typing import Any, cast

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from people.accounts import mark_verified, password_was_set, roles_of
from people.audit import record
from people.forms.admin import AdminChangeForm, AdminCreationForm
from people.models import AuditEntry, User


def own_password(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """One's own password is changed on the account's page, with its limits, audit entry and email."""
    return redirect("account_change_password")


# The admin uses the site's log-in, with its limits, second factor and blocks.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = admin.site.password_change_done = own_password  # type: ignore[method-assign,assignment]
# Nobody may read or change two-factor secrets, verified addresses or session keys here.
for secret in (Authenticator, EmailAddress, UserSession):
    admin.site.unregister(secret)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    ordering = ("email",)
    list_display = ("email", "name", "company", "is_active", "is_staff")
    search_fields = ("email", "name", "company")
    filter_horizontal = ("groups", "user_permissions")
    # Block and unblock are in the table of users, where they ask why and end the sessions.
    readonly_fields = ("last_login", "date_joined", "is_active", "blocked_at", "blocked_by", "blocked_reason")
    form = AdminChangeForm
    add_form = AdminCreationForm
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Personal info"), {"fields": ("name", "company", "time_zone", "language")}),
        (_("Roles"), {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Blocked"), {"fields": ("is_active", "blocked_at", "blocked_by", "blocked_reason")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),
    )

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save only what was changed in an existing user: a manager may have blocked them meanwhile."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        fields = {field.name for field in User._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.changed_data if name in fields])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """An address that an administrator entered counts as verified."""
        super().save_related(request, form, formsets, change)
        user: User = form.instance
        mark_verified(user)
        action = AuditEntry.Action.USER_EDITED if change else AuditEntry.Action.USER_CREATED
        record(actor=cast("User", request.user), action=action, target=user, detail=roles_of(user))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Change somebody else's password; they are notified. One's own has its own page."""
        rows = User.objects.filter(pk=id) if id.isdecimal() else User.objects.none()
        if rows.first() == request.user:  # however the number is written
            return own_password(request)
        with transaction.atomic():
            before = rows.values_list("password", flat=True).first()
            response: HttpResponse = super().user_change_password(request, id, form_url)
            user = rows.first()
            if user and user.password != before:
                password_was_set(user=user)
        return response

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting a user stands in the table of users too: it stops their mailings first."""
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # as above
    list_display = ("at", "actor", "action", "target", "detail", "address")
    list_filter = ("action",)
    search_fields = ("actor", "target", "detail")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
