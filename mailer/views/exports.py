from typing import Any

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from mailer.audience.exporting import CLIENT_COLUMNS, FORMATS, STOP_COLUMNS, client_rows, stop_rows, stream
from mailer.filters import ClientFilter, MemberFilter
from mailer.models import Client, ClientGroup, Suppression
from mailer.stop_list_table import StopFilter
from people.audit import record
from people.models import AuditEntry
from site_config.ui.http import Request
from site_config.ui.views import OwnersOnly, SignedIn, own_row


def _file(request: Request, rows: Any, columns: tuple[str, ...], name: str) -> StreamingHttpResponse:
    """Rows as a file that is written while it is sent; the trail says who took it."""
    kind = request.GET.get("format", "csv")
    if kind not in FORMATS:
        raise Http404
    record(actor=request.user, action=AuditEntry.Action.CLIENTS_EXPORTED, target=request.user, detail=name)
    response = StreamingHttpResponse(stream(rows, columns=columns, kind=kind), content_type=FORMATS[kind])
    day = timezone.localdate().isoformat()
    response["Content-Disposition"] = f'attachment; filename="{name}-{day}.{kind}"'
    return response


def _found(filtered: Any) -> QuerySet[Any]:
    """What a valid filter finds; one that is not valid chooses nobody."""
    rows: QuerySet[Any] = filtered.qs if filtered.is_valid() else filtered.queryset.none()
    return rows


class ClientsExport(OwnersOnly):
    """The clients that the list's filter finds."""

    def get(self, request: Request) -> HttpResponseBase:
        rows = Client.objects.owned_by(request.user)
        found = _found(ClientFilter(request.GET, queryset=rows, request=request))
        return _file(request, client_rows(found), CLIENT_COLUMNS, "clients")


class GroupExport(SignedIn):
    """The clients of a group that its filter finds."""

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        group = own_row(ClientGroup, request.user, pk)
        rows = Client.objects.filter(groups=group, owner=group.owner_id)
        found = _found(MemberFilter(request.GET, queryset=rows, request=request))
        return _file(request, client_rows(found), CLIENT_COLUMNS, f"group-{group.pk}")


class StopExport(OwnersOnly):
    """The addresses of the stop-list that its filter finds."""

    def get(self, request: Request) -> HttpResponseBase:
        rows = Suppression.objects.owned_by(request.user)
        found = _found(StopFilter(request.GET, queryset=rows, request=request))
        return _file(request, stop_rows(found), STOP_COLUMNS, "stop-list")  # type: ignore[arg-type]
