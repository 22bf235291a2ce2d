"""All that an owner has as one file: requested, made in the background, downloaded."""

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from mailer.models import Archive
from mailer.reporting.archiving import ask
from people.audit import record
from people.models import AuditEntry
from site_config.ui.http import Request, targets
from site_config.ui.views import OwnersOnly, own_row


class ArchivePage(OwnersOnly):
    def get(self, request: Request) -> HttpResponse:
        archives = list(Archive.objects.owned_by(request.user)[:2])
        template = "archive/state.html" if targets(request, "archive") else "archive/detail.html"
        ready = next((one for one in archives if one.status == Archive.Status.READY), None)
        latest = archives[0] if archives else None
        return render(request, template, {"latest": latest, "ready": ready})

    def post(self, request: Request) -> HttpResponse:
        ask(request.user)
        return redirect("archive")


class ArchiveFile(OwnersOnly):
    def get(self, request: Request, pk: int) -> FileResponse:
        archive: Archive = own_row(Archive, request.user, pk)
        try:
            file = archive.path.open("rb")
        except OSError as error:
            raise Http404 from error
        action = AuditEntry.Action.CLIENTS_EXPORTED
        record(actor=request.user, action=action, target=request.user, detail="archive")
        day = timezone.localdate(archive.created_at).isoformat()
        return FileResponse(file, as_attachment=True, filename=f"archive-{day}.zip")
