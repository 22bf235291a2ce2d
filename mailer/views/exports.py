from typing import Any

from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from mailer.audience.exporting import (
    CLIENT_COLUMNS,
    FORMATS,
    OPT_OUT_COLUMNS,
    STOP_COLUMNS,
    client_rows,
    opt_out_rows,
    stop_rows,
    stream,
)
from mailer.audience.rules import members_of
from mailer.filters import AttemptFilter, DeliveryFilter, MemberFilter
from mailer.models import Attempt, ClientGroup
from mailer.models.attribute import kinds_of
from mailer.reporting.exporting import ATTEMPT_COLUMNS, DELIVERY_COLUMNS, attempt_rows, delivery_rows
from mailer.views.clients import ClientList
from mailer.views.stop_list import OptOutList, StopList
from people.audit import record
from people.models import AuditEntry
from site_config.ui.http import Request
from site_config.ui.panels import OnAllFound
from site_config.ui.views import OwnersOnly, SignedIn, own_row


def _file(
    request: Request, rows: Any, columns: tuple[str, ...], name: str, *, personal: bool = True
) -> StreamingHttpResponse:
    """Rows as a file that is written while it is sent; the audit trail records who exported data about
    clients.
    """
    kind = request.GET.get("format", "csv")
    if kind not in FORMATS:
        raise Http404
    if personal:
        action = AuditEntry.Action.CLIENTS_EXPORTED
        record(actor=request.user, action=action, target=request.user, detail=name)
    response = StreamingHttpResponse(stream(rows, columns=columns, kind=kind), content_type=FORMATS[kind])
    day = timezone.localdate().isoformat()
    response["Content-Disposition"] = f'attachment; filename="{name}-{day}.{kind}"'
    return response


def _clients(request: Request, clients: Any, name: str) -> StreamingHttpResponse:
    keys = tuple(kinds_of(request.user))
    return _file(request, client_rows(clients, keys), (*CLIENT_COLUMNS, *keys), name)


class ClientsExport(OwnersOnly, OnAllFound):
    """The clients that the list's filter finds."""

    list_view = ClientList

    def get(self, request: Request) -> HttpResponseBase:
        return _clients(request, self.found(), "clients")


class GroupExport(SignedIn):
    """The clients of a group that its filter finds."""

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        group = own_row(ClientGroup, request.user, pk)
        group.owner = request.user
        rows = members_of(group)
        found = MemberFilter(request.GET, queryset=rows, request=request).qs
        return _clients(request, found, f"group-{group.pk}")


class StopExport(OwnersOnly, OnAllFound):
    """The addresses of the stop-list that its filter finds."""

    list_view = StopList

    def get(self, request: Request) -> HttpResponseBase:
        return _file(request, stop_rows(self.found()), STOP_COLUMNS, "stop-list")


class OptOutExport(OwnersOnly, OnAllFound):
    """Who left one mailing or topic, as the list's filter finds them."""

    list_view = OptOutList

    def get(self, request: Request) -> HttpResponseBase:
        return _file(request, opt_out_rows(self.found()), OPT_OUT_COLUMNS, "left-one-mailing")


class AttemptsExport(SignedIn):
    """The runs that the list's filter finds."""

    def get(self, request: Request) -> HttpResponseBase:
        rows = Attempt.objects.visible_to(request.user)
        found = AttemptFilter(request.GET, queryset=rows, request=request).qs
        cells = attempt_rows(found, seen_by=request.user)
        return _file(request, cells, ATTEMPT_COLUMNS, "reports", personal=False)


class DeliveriesExport(SignedIn):
    """What became of the mails of one run that its filter finds."""

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        attempt = own_row(Attempt, request.user, pk)
        rows = attempt.deliveries.all().bounded()
        found = DeliveryFilter(request.GET, queryset=rows, request=request, attempt=attempt).qs
        cells = delivery_rows(found, chosen=request.GET.get("status", ""))
        return _file(request, cells, DELIVERY_COLUMNS, f"report-{attempt.pk}")
