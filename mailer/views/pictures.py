"""Pictures for messages: one's library, and each picture for whoever has its address."""

import re
from typing import Any

from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from mailer.composing.picture_files import FOLDER, keep_picture, remove_picture
from mailer.models import Picture
from mailer.views.messages import MessageList
from site_config.ui.http import Request
from site_config.ui.panels import DeletePanel
from site_config.ui.views import OwnersOnly, own_row

FOREVER = 365 * 24 * 3600
PER_PAGE = 30
_NAME = re.compile(r"[0-9a-f]{32}\.(?:jpg|png)")


class UploadForm(forms.Form):
    picture = forms.FileField(
        label=_("A new picture"),
        widget=forms.FileInput({"accept": "image/jpeg,image/png,image/webp,image/gif"}),
        help_text=_("JPEG, PNG, WebP or GIF, up to 10 MB. GIFs do not move."),
    )


class PictureLibrary(OwnersOnly):
    def get(self, request: Request) -> HttpResponse:
        return self.page(UploadForm())

    def post(self, request: Request) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.page(form, status=422)
        if not ratelimit.consume(request, action="message_picture", user=request.user):
            form.add_error("picture", gettext("Too many pictures in one hour. Try again later."))
            return self.page(form, status=422)
        upload = form.cleaned_data["picture"]
        try:
            keep_picture(owner=request.user, upload=upload, name=upload.name)
        except ValidationError as error:
            form.add_error("picture", error)
            return self.page(form, status=422)
        messages.success(request, gettext("The picture is in your library."))
        return redirect("pictures")

    def page(self, form: UploadForm, status: int = 200) -> HttpResponse:
        pages = Paginator(Picture.objects.owned_by(self.request.user), PER_PAGE)
        context = {"form": form, "page": pages.get_page(self.request.GET.get("page"))}
        return render(self.request, "messages/pictures.html", context, status=status)


class PictureDelete(DeletePanel):
    list_view = MessageList
    title = _("Delete picture")
    done_text = _("The picture was deleted.")

    def find(self, *, lock: bool = False) -> Any:
        return own_row(Picture, self.request.user, self.kwargs["pk"], lock=lock)

    def remove(self) -> None:
        remove_picture(self.object)

    def success_url(self) -> str:
        return self.back_url()

    def back_url(self) -> str:
        return reverse("pictures")

    def consequences(self) -> list[str]:
        return [gettext("Mail already sent will no longer show it, nor will messages that use it.")]


@require_safe
def picture(request: HttpRequest, name: str) -> FileResponse:
    """A picture, for whoever got it in a mail: its address cannot be guessed."""
    path = f"{FOLDER}/{name}"
    if not _NAME.fullmatch(name) or not default_storage.exists(path):
        raise Http404
    response = FileResponse(default_storage.open(path))
    response["Cache-Control"] = f"public, max-age={FOREVER}, immutable"
    return response
