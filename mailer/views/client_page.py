"""Everything known about one client, and the search that leads there from anywhere."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.models import Attribute, Client, OptOut, Suppression
from mailer.models.attribute import attributes_of, shown_value
from mailer.reporting.clients import MOST_FOUND, find_clients, mails_of
from mailer.returns.forgetting import forget
from mailer.views.clients import ClientList
from site_config.ui.http import targets
from site_config.ui.panels import PanelView
from site_config.ui.views import OwnersOnly, SignedIn, own_row

if TYPE_CHECKING:
    from site_config.ui.http import Request

LONGEST_SEARCH = 100


def typed(request: "Request") -> str:
    """What somebody searches for, of a length and kind that a database takes."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]


class ClientDetail(SignedIn):
    """A client's page; only its facts for a dialog that changed them, or further mails."""

    def get(self, request: "Request", pk: int) -> HttpResponse:
        client: Client = own_row(Client, request.user, pk)
        if targets(request, "client-facts"):
            return render(request, "clients/facts.html", facts(client, attributes_of(request.user)))
        before = request.GET.get("before", "")
        start = int(before) if before.isdecimal() and len(before) < 19 else None
        context = {"mails": mails_of(client, before=start), "begins": start is None}
        if targets(request, "older-mails"):
            return render(request, "clients/mails.html", {"client": client, **context})
        context |= facts(client, attributes_of(request.user))
        return render(request, "clients/detail.html", context)


def facts(client: Client, attributes: list[Attribute]) -> dict[str, Any]:
    """What a client's page shows besides the mails."""
    held = client.attributes
    stops = Suppression.objects.matching_address(client.email, client.owner_id)
    known = [(one.key, shown_value(one.kind, held[one.key])) for one in attributes if one.key in held]
    return {
        "client": client,
        "title": client.full_name or client.email,
        "attributes": known,
        "groups": client.groups.order_by("name"),
        "stop": stops.select_related("attempt").first(),
        "opt_outs": OptOut.objects.matching_address(client.email, client.owner_id).select_related(
            "mailing__message", "group"
        ),
        "consents": client.consents.all(),
        "source": client.imported_in if client.imported_in_id else None,
    }


class ClientForget(PanelView):
    """Erases everything that names a client, after a page that says what goes."""

    list_view = ClientList
    title = gettext_lazy("Forget this person")
    body = "clients/forget_body.html"

    def back_url(self) -> str:
        return reverse("client_detail", args=[self.kwargs["pk"]])

    def success_url(self) -> str:
        return reverse("clients")

    def get(self, request: "Request", pk: int) -> HttpResponse:
        self.object = self.find()
        return self.show()

    def post(self, request: "Request", pk: int) -> HttpResponse:
        self.object = self.find()
        forget(owner=request.user, email=self.object.email)
        messages.success(request, _("This person is being forgotten. It takes a few minutes at most."))
        return redirect(self.success_url())


class ClientFind(OwnersOnly):
    """Finds a client: one client's page, or the first matches."""

    def get(self, request: "Request") -> HttpResponse:
        text = typed(request)
        found = find_clients(owner=request.user, text=text) if text else []
        if len(found) == 1:
            return redirect("client_detail", found[0].client.pk)
        context = {
            "title": _("Find a client"),
            "text": text,
            "found": found,
            "more": len(found) == MOST_FOUND,
        }
        return render(request, "clients/find.html", context)
