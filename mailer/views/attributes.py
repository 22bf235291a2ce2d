from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from mailer.audience.attributes import choose_columns, remove
from mailer.filters import AttributeNameFilter
from mailer.forms.attributes import AttributeForm, ColumnsForm
from mailer.models import Attribute
from mailer.tables import AttributeTable
from mailer.views.clients import ClientList, rules_lost
from site_config.ui.http import Request
from site_config.ui.lists import TableView
from site_config.ui.panels import CreatePanel, DeletePanel, PanelView
from site_config.ui.views import OwnersOnly


class AttributeList(TableView):
    model = Attribute
    table_class = AttributeTable
    filterset_class = AttributeNameFilter
    things = "attributes"
    title = _("Attributes of clients")
    lead = _("What you know about clients beyond name and address, for messages, filters and groups.")
    create_url_name = "attribute_create"
    create_title = _("New attribute")
    template_name = "attributes/list.html"


class AttributeCreate(CreatePanel):
    list_view = AttributeList
    form_class = AttributeForm
    title = _("New attribute")
    done_text = _("The attribute was added.")


class AttributeDelete(DeletePanel):
    list_view = AttributeList
    title = _("Delete attribute")
    done_text = _("The attribute was deleted. Its values are being removed in the background.")

    def remove(self) -> None:
        remove(attribute=self.object)

    def consequences(self) -> list[str]:
        return [
            str(_("All clients lose it. Messages that use it show nothing in its place.")),
            *rules_lost(self.object, "attribute", self.object.key),
        ]


class ClientColumns(OwnersOnly, PanelView):
    """Which attributes are columns of the list of clients."""

    list_view = ClientList
    title = _("Columns")
    body = "attributes/columns_body.html"

    def get(self, request: Request) -> HttpResponse:
        return self.show(form=ColumnsForm(owner=request.user))

    def post(self, request: Request) -> HttpResponse:
        form = ColumnsForm(request.POST, owner=request.user)
        if not form.is_valid():
            return self.show(form=form, status=422)
        choose_columns(owner=request.user, keys=form.cleaned_data["columns"])
        return self.changed(str(_("The columns were changed.")))
