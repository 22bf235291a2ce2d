from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailer.audience.stop_list import add_stop, lift_opt_out, lift_stop
from mailer.filters import OptOutFilter, StopFilter
from mailer.forms.imports import StopForm
from mailer.models import Client, Forgotten, OptOut, Suppression
from mailer.tables import OptOutTable, StopTable
from people.models import User
from site_config.ui.http import Request
from site_config.ui.lists import TableView
from site_config.ui.panels import PanelView
from site_config.ui.views import OwnersOnly, Text


class StopList(TableView):
    """Addresses that are never mailed."""

    model = Suppression
    table_class = StopTable
    filterset_class = StopFilter
    things = "stop_list"
    title = _("Stop-list")
    template_name = "stop_list/list.html"
    above_table = "stop_list/above_table.html"

    def first_steps(self) -> list[tuple[Text, str]]:
        if self.request.user.only_watches:
            return []
        return [(_("Add an address"), reverse("stop_create")), (_("Import"), reverse("stop_import"))]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        forgotten = Forgotten.objects.owned_by(self.request.user).count()
        return super().get_context_data(**{"forgotten": forgotten, **kwargs})


class StopCreate(OwnersOnly, PanelView):
    list_view = StopList
    title = _("Put an address on the stop-list")
    body = "stop_list/form_body.html"

    def get(self, request: Request) -> HttpResponse:
        return self.show(form=StopForm())

    def post(self, request: Request) -> HttpResponse:
        form = StopForm(request.POST)
        if not form.is_valid():
            return self.show(form=form, status=422)
        added = add_stop(owner=request.user, email=form.cleaned_data["email"])
        done = _("The address is on the stop-list.")
        return self.changed(str(done if added else _("The address was on the stop-list already.")))


class StopLift(PanelView):
    """Take an address off the stop-list, after a warning."""

    list_view = StopList
    title = _("Take off the stop-list")
    body = "stop_list/lift_body.html"

    def back_url(self) -> str:
        return reverse("stop_list")

    def get(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        client = Client.objects.owned_by(request.user).filter(address_key=self.object.address_key)
        return self.show(is_client=client.exists())

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        lift_stop(stop=self.object, by=request.user)
        return self.changed(str(_("The address was taken off the stop-list.")))


class OptOutList(TableView):
    """Who left one mailing or topic and still gets the rest."""

    model = OptOut
    table_class = OptOutTable
    filterset_class = OptOutFilter
    things = "opt_outs"
    title = _("Left one mailing")
    template_name = "stop_list/opt_outs.html"
    above_table = "stop_list/opt_outs_above.html"

    @classmethod
    def rows(cls, user: User) -> QuerySet[Any]:
        return OptOut.objects.visible_to(user).select_related("mailing__message", "group")


class OptOutLift(PanelView):
    """Mail something again to somebody who left it, after a warning."""

    list_view = OptOutList
    title = _("Resume this mail")
    body = "stop_list/opt_out_body.html"

    def get(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        return self.show()

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        lift_opt_out(left=self.object, by=request.user)
        return self.changed(str(_("The address gets this mailing again.")))
