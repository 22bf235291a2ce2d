from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailer.audience.membership import save_client
from mailer.audience.rules import rules_with
from mailer.filters import ClientFilter
from mailer.forms.client import ClientForm
from mailer.forms.picker import as_ids
from mailer.models import BulkAction, Client, Delivery, Suppression
from mailer.models.attribute import attributes_of
from mailer.tables import ClientTable
from people.models import User
from site_config.ui.lists import TableView
from site_config.ui.panels import CreatePanel, DeletePanel, EditPanel
from site_config.ui.views import Text


def recent(user: User) -> BulkAction | None:
    """The latest change of many clients, while its owner is likely to care."""
    rows = BulkAction.objects.owned_by(user).filter(created_at__gt=timezone.now() - timedelta(minutes=30))
    return rows.select_related("group").first()


def rules_lost(needed: Any, what: str, key: Any = None) -> list[str]:
    """What happens to groups by rule when something that their rules need is deleted, in a sentence."""
    names = rules_with(needed.owner_id, f"{what}:{needed.pk if key is None else key}")
    if not names:
        return []
    text = _("The rule of “%(groups)s” needs it: mailings to that group wait until you fix the rule.")
    return [str(text) % {"groups": "”, “".join(names)}]


class ClientList(TableView):
    model = Client
    table_class = ClientTable
    filterset_class = ClientFilter
    things = "clients"
    title = _("Clients")
    lead = _("The people who receive your mail.")
    create_url_name = "client_create"
    create_title = _("New client")
    template_name = "clients/list.html"
    above_table = "clients/above_table.html"
    bulk_url_name = "clients_bulk"
    bulk_actions = BulkAction.Kind.choices

    @classmethod
    def table_options(cls, request: Any) -> dict[str, Any]:
        return {"attributes": [one for one in attributes_of(request.user) if one.in_list]}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"recent": recent(self.request.user), **kwargs})

    def first_steps(self) -> list[tuple[Text, str]]:
        steps = super().first_steps()
        return [*steps, (_("Import"), reverse("imports"))] if steps else []

    @classmethod
    def rows(cls, user: User) -> QuerySet[Client]:
        return Client.objects.visible_to(user).with_suppression().prefetch_related("groups")


class ClientCreate(CreatePanel):
    list_view = ClientList
    form_class = ClientForm
    title = _("New client")
    body = "clients/form_body.html"
    done_text = _("The client was added.")

    def initial(self) -> dict[str, Any]:
        return {**super().initial(), "groups": sorted(as_ids(self.request.GET.getlist("group")))}

    def store(self, form: ClientForm) -> Client:
        return save_client(
            client=form.save(commit=False),
            groups=form.cleaned_data["groups"],
            new_attributes=form.new_kinds(),
        )


class ClientEdit(EditPanel):
    list_view = ClientList
    form_class = ClientForm
    title = _("Edit client")
    body = "clients/form_body.html"
    done_text = _("The client was saved.")

    @property
    def on_page(self) -> bool:
        """Whether it was asked for on the client's own page, where there is no row to replace."""
        return "page" in self.request.GET

    def back_url(self) -> str:
        return reverse("client_detail", args=[self.kwargs["pk"]]) if self.on_page else super().back_url()

    def row(self) -> HttpResponse:
        return self.changed(str(self.done_text)) if self.on_page else super().row()

    def show(self, *, status: int = 200, **context: Any) -> HttpResponse:
        """The form, and whether its address is on the stop-list."""
        address = Client.objects.values_list("email", flat=True).get(pk=self.object.pk)
        stop = Suppression.objects.matching_address(address, self.object.owner_id).first()
        return super().show(status=status, stop=stop, **context)

    def store(self, form: ClientForm) -> Client:
        return save_client(
            client=form.save(commit=False),
            groups=form.cleaned_data["groups"],
            new_attributes=form.new_kinds(),
        )


class ClientDelete(DeletePanel):
    list_view = ClientList
    title = _("Delete client")
    done_text = _("The client was deleted.")

    def consequences(self) -> list[str]:
        lines = [str(_("The client leaves its groups and mailings. Reports keep the address."))]
        waiting = Delivery.objects.open().filter(client=self.object).count()
        if waiting:
            lines.append(
                ngettext(
                    "%(count)s mail waiting to be sent to this client will not go out.",
                    "%(count)s mails waiting to be sent to this client will not go out.",
                    waiting,
                )
                % {"count": waiting}
            )
        return lines
