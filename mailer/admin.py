"""The administration of all owners' rows, for superusers."""

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer import mailings
from mailer.forms.admin import AdminMailingForm, AdminMessageForm
from mailer.models import Attempt, Client, ClientGroup, Delivery, Mailing, Message, Suppression
from site_config.ui.counting import count

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from people.models import User


class FirstPages(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Pages of the first rows only; search finds the others."""

    @cached_property
    def count(self) -> int:
        return count(cast("QuerySet[Any]", self.object_list))


class OwnedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    paginator = FirstPages
    ordering = ("-pk",)  # an order that no index has would sort the rows of all owners
    list_select_related: ClassVar[Any] = ("owner",)
    raw_id_fields: ClassVar[Any] = ("owner",)
    search_fields: ClassVar[Any] = ("owner__email",)
    show_full_result_count = False


@admin.register(Client)
class ClientAdmin(OwnedAdmin):
    list_display = ("email", "full_name", "owner", "created_at")
    search_fields = ("email", "full_name", "owner__email")
    readonly_fields = ("attributes",)


@admin.register(ClientGroup)
class ClientGroupAdmin(OwnedAdmin):
    """Without its clients: there may be half a million. Its owner has a page for them."""

    list_display = ("name", "owner", "created_at")
    search_fields = ("name", "owner__email")
    fields = ("name", "owner", "size")
    readonly_fields = ("size",)

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        """The groups only: Django would list every membership."""
        names = [str(group) for group in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

    @admin.display(description=_("clients"))
    def size(self, group: ClientGroup) -> str:
        if group.rule is not None:
            return gettext("by rule")
        return count(group.clients.all()).shown if group.pk else ""


@admin.register(Message)
class MessageAdmin(OwnedAdmin):
    form = AdminMessageForm
    list_display = ("subject", "owner", "updated_at")
    search_fields = ("subject", "owner__email")

    def save_model(self, request: HttpRequest, obj: Message, form: Any, change: bool) -> None:
        mailings.save_message(obj)


@admin.register(Suppression)
class SuppressionAdmin(OwnedAdmin):
    list_display = ("email", "reason", "owner", "created_at")
    list_filter = ("reason",)
    search_fields = ("email", "owner__email")
    readonly_fields = ("until",)


@admin.register(Mailing)
class MailingAdmin(OwnedAdmin):
    """Saved and deleted by the functions that owners' pages use, which plan the next run and stop workers."""

    form = AdminMailingForm
    list_display = ("__str__", "message", "owner", "status", "period", "starts_at", "next_run_at")
    list_filter = ("status", "period")
    list_select_related = ("owner", "message")
    search_fields = ("name", "message__subject", "owner__email")
    raw_id_fields = ("owner", "message", "clients", "groups")
    # The switches are in the table of mailings, where they ask why and notify the owner.
    readonly_fields = ("status", "next_run_at", "paused_at", "disabled_at", "disabled_by", "disabled_reason")

    def save_model(self, request: HttpRequest, obj: Mailing, form: Any, change: bool) -> None:
        """Left to save_related, which knows the recipients."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        data = form.cleaned_data
        mailings.save_mailing(
            form.instance, clients=data["clients"], groups=data["groups"], by=cast("User", request.user)
        )

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        """A mailing's ledger cannot be edited by itself, but may be deleted with the mailing."""
        objects, counts, _forbidden, protected = super().get_deleted_objects(objs, request)
        return objects, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: Mailing) -> None:
        mailings.delete(obj, by=cast("User", request.user))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for mailing in queryset:
            self.delete_model(request, mailing)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # as above
    """Only sending writes the ledger."""

    paginator = FirstPages
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("subject", "scheduled_for", "status", "total", "sent", "failed", "skipped", "expired")
    list_filter = ("status",)
    search_fields = ("subject", "mailing__owner__email")
    raw_id_fields = ("mailing",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("email", "status", "tries", "response", "finished_at")
    list_filter = ("status",)
    search_fields = ("email", "message_id")
    raw_id_fields = ("attempt", "client")
