from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from mailer.audience.importing import CannotRead
from mailer.audience.importing.layout import Layout
from mailer.audience.importing.uploads import (
    is_large,
    keep,
    layout_of,
    preview,
    read_again,
    refused_lines,
    start,
    stop,
    take_back,
)
from mailer.forms.imports import LayoutForm, UploadForm, too_large
from mailer.models import ClientImport, Suppression
from mailer.views.clients import ClientList
from site_config.ui.http import Request, targets
from site_config.ui.panels import PanelView
from site_config.ui.views import OwnersOnly, SignedIn, own_row

_ROOM = 100_000  # bytes of a request besides its file


@method_decorator(csrf_exempt, name="dispatch")  # a request is not read before its size is known
class ImportNew(OwnersOnly):
    """Step 1: a file, or pasted lines."""

    title: ClassVar[Any] = gettext_lazy("Import clients")
    stop_all: ClassVar[str] = ""
    back: ClassVar[str] = "clients"

    def get(self, request: Request) -> HttpResponse:
        return self.show(UploadForm())

    def post(self, request: Request) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > settings.IMPORT_LIMIT_MB * 1_000_000 + _ROOM:
            return self.refuse(too_large())
        try:
            request.POST  # noqa: B018  (read here, for what is wrong with it)
        except RequestDataTooBig:
            return self.refuse(_("That is too much to paste. Save it as a file and upload it."))
        answer: HttpResponse = csrf_protect(self.take)(request)
        return answer

    def take(self, request: Request) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                upload = keep(
                    owner=request.user, pieces=form.pieces(), name=form.file_name, stop_all=self.stop_all
                )
            except CannotRead as error:
                form.add_error("text" if form.cleaned_data["file"] is None else "file", str(error))
            else:
                return redirect("import_detail", upload.pk)
        return self.show(form, status=422)

    def refuse(self, why: str) -> HttpResponse:
        """The response to a request that was not read."""
        form = UploadForm({}, {})
        form.errors["file"] = form.error_class([why])
        response = self.show(form, status=413)
        response["Connection"] = "close" if not settings.DEBUG else ""
        return response

    def show(self, form: UploadForm, status: int = 200) -> HttpResponse:
        recent = ClientImport.objects.owned_by(self.request.user).exclude(status=ClientImport.Status.DRAFT)
        context = {
            "form": form,
            "title": self.title,
            "stop_all": self.stop_all,
            "back_url": reverse(self.back),
            "recent": recent[:5],
        }
        return render(self.request, "imports/new.html", context, status=status)


class StopImport(ImportNew):
    """The same, for addresses that must not be mailed."""

    title = gettext_lazy("Import into the stop-list")
    stop_all = Suppression.Reason.ADDED
    back = "stop_list"


class ImportDetail(SignedIn):
    """Step 2 of a draft: how it is read, and what to do with it. Then its progress and its result."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        upload = own_row(ClientImport, request.user, pk)
        if upload.status != ClientImport.Status.DRAFT:
            template = "imports/state.html" if targets(request, "import-state") else "imports/detail.html"
            return render(request, template, {"upload": upload, "refused": refused_lines(upload)})
        return self.ask(upload, layout_of(upload))

    def post(self, request: Request, pk: int) -> HttpResponse:
        upload = own_row(ClientImport, request.user, pk)
        if upload.status != ClientImport.Status.DRAFT:
            return redirect("import_detail", pk)
        layout = layout_of(upload)
        try:
            form = self.form(upload, layout, request.POST)
            if form.changed_reading:
                return self.read_again(upload, form)
            if "again" in request.POST or targets(request, "import-preview"):
                return self.ask(upload, layout.with_meanings(form.meanings), form)
            if form.is_valid():
                start(upload=upload, choice=form.choice())
                return redirect("import_detail", pk)
        except CannotRead as error:
            messages.error(request, str(error))
        return self.ask(upload, layout.with_meanings(form.meanings), form, status=422)

    def form(self, upload: ClientImport, layout: Layout, data: Any = None) -> LayoutForm:
        large = not upload.to_stop_list and _large(upload, layout)
        return LayoutForm(data, owner=self.request.user, upload=upload, layout=layout, is_large=large)

    def read_again(self, upload: ClientImport, form: LayoutForm) -> HttpResponse:
        heading = form["heading"].value() if "heading" in form.fields else None
        try:
            read_again(
                upload=upload,
                encoding=str(form["encoding"].value() or "") if "encoding" in form.fields else "",
                delimiter=str(form["delimiter"].value() or "")[:1] if "delimiter" in form.fields else "",
                heading=None if heading is None else bool(heading),
            )
        except (CannotRead, LookupError) as error:
            text = _("There is no such encoding.") if isinstance(error, LookupError) else str(error)
            messages.error(self.request, text)
        return redirect("import_detail", upload.pk)

    def ask(
        self, upload: ClientImport, layout: Layout, form: LayoutForm | None = None, status: int = 200
    ) -> HttpResponse:
        problem, lines = "", []
        try:
            lines = preview(upload=upload, layout=layout)
        except CannotRead as error:
            problem = str(error)
        form = form or self.form(upload, layout)
        columns = [
            {
                "name": name or _("column %d") % (place + 1),
                "field": form[f"column_{place}"],
                "samples": _samples(lines, place),
            }
            for place, name in enumerate(layout.names)
        ]
        context = {
            "upload": upload,
            "layout": layout,
            "form": form,
            "columns": columns,
            "lines": lines,
            "problem": problem,
        }
        template = (
            "imports/preview.html" if targets(self.request, "import-preview") else "imports/layout.html"
        )
        return render(self.request, template, context, status=status)


def _large(upload: ClientImport, layout: Layout) -> bool:
    try:
        return is_large(upload=upload, layout=layout)
    except CannotRead:  # shown beside the preview
        return False


def _samples(lines: Any, place: int) -> list[str]:
    cells = [line.cells[place] for line in lines if place < len(line.cells)]
    return list(dict.fromkeys(cell[:60] for cell in cells if cell))[:3]


class ImportStop(SignedIn):
    """End an import early."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        return redirect("import_detail", pk)  # where log-in returns to

    def post(self, request: Request, pk: int) -> HttpResponse:
        upload = own_row(ClientImport, request.user, pk)
        if stop(upload=upload):
            messages.success(request, _("The import was stopped. What was imported stays."))
        if targets(request, "import-state"):
            upload.refresh_from_db()
            context = {"upload": upload, "refused": refused_lines(upload)}
            return render(request, "imports/state.html", context)
        return redirect("import_detail", pk)


class ImportTakeBack(PanelView):
    """Remove the clients that an import made."""

    list_view = ClientList
    title = gettext_lazy("Take the import back")
    body = "imports/take_back_body.html"

    def back_url(self) -> str:
        return reverse("import_detail", args=[self.kwargs["pk"]])

    def get(self, request: Request, pk: int) -> HttpResponse:
        self.object = own_row(ClientImport, request.user, pk)
        return self.show(may=self.object.status in ClientImport.ENDED)

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = own_row(ClientImport, request.user, pk)
        take_back(upload=self.object)
        return redirect(self.back_url())


class ImportRefused(SignedIn):
    """The refused lines, as a file."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        upload = own_row(ClientImport, request.user, pk)
        name = f"refused-{upload.pk}.csv"
        if not upload.refused_path.exists():
            response = HttpResponse(content_type="text/csv; charset=utf-8")
            response["Content-Disposition"] = f'attachment; filename="{name}"'
            return response
        return FileResponse(  # type: ignore[return-value]  # which streams
            upload.refused_path.open("rb"), as_attachment=True, filename=name, content_type="text/csv"
        )
