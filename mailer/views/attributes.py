from django.utils.translation import gettext_lazy as _

from mailer.audience.attributes import choose_columns, remove
from mailer.filters import AttributeNameFilter
from mailer.forms.attributes import PREFIX, AttributeForm
from mailer.models import Attribute
from mailer.models.attribute import attributes_of
from mailer.tables import AttributeTable
from mailer.views.clients import ClientList, rules_lost
from site_config.ui.columns import ListColumns
from site_config.ui.lists import TableView
from site_config.ui.panels import CreatePanel, DeletePanel
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


class ClientColumns(OwnersOnly, ListColumns):
    """The columns of the list of clients, including those for attributes."""

    list_view = ClientList

    def choices(self) -> list[tuple[str, str]]:
        attributes = [(f"{PREFIX}{one.key}", one.key) for one in attributes_of(self.request.user)]
        return [*super().choices(), *attributes]

    def shown(self) -> list[str]:
        attributes = [f"{PREFIX}{one.key}" for one in attributes_of(self.request.user) if one.in_list]
        return [*super().shown(), *attributes]

    def keep(self, chosen: list[str]) -> None:
        keys = [name.removeprefix(PREFIX) for name in chosen if name.startswith(PREFIX)]
        choose_columns(owner=self.request.user, keys=keys)
        super().keep(chosen)
