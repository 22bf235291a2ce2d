"""What an owner does to a message with one click."""

import uuid
from collections.abc import Callable
from typing import ClassVar

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.composing import drafts
from mailer.composing.attachments import path_of
from mailer.composing.public_pages import open_page, shown_public
from mailer.models import Attachment, Message
from site_config.ui.http import Request, done, is_htmx, no_content, targets
from site_config.ui.views import ActionView, SignedIn, Text, own_row

PUBLIC_REGION = "public-page"


class MessageCopy(ActionView):
    back = "message_preview"

    def post(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        try:
            key = uuid.UUID(request.POST.get("form_key", ""))
        except ValueError:
            key = uuid.uuid4()
        copy = drafts.copy_message(message=message, form_key=key)
        messages.success(request, gettext("This is the copy. Save it before it can be sent."))
        return redirect("message_edit", copy.pk)


class Shelf(ActionView):
    """Into the archive or out of it; doing it again changes nothing."""

    back = "message_preview"
    put: ClassVar[Callable[..., bool]]
    undone_by: ClassVar[str]
    done_text: ClassVar[Text]

    def post(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        type(self).put(message=message)
        done(request, self.done_text, undo=reverse(self.undone_by, args=[pk]))
        return no_content("messages:changed") if is_htmx(request) else redirect("message_preview", pk)


class MessageArchive(Shelf):
    put = drafts.archive
    undone_by = "message_unarchive"
    done_text = _("The message is archived. Mailings that send it continue.")


class MessageUnarchive(Shelf):
    put = drafts.unarchive
    undone_by = "message_archive"
    done_text = _("The message is back in the list.")


class MessagePublic(ActionView):
    """Whether a message has a public page."""

    back = "message_preview"

    def post(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        ok = set_public(request, message)
        if targets(request, PUBLIC_REGION):
            return render(request, "messages/public.html", shown_public(message), status=200 if ok else 422)
        return redirect("message_preview", pk)


def set_public(request: Request, message: Message) -> bool:
    """Apply the choice, and say so."""
    chosen = request.POST.get("public", "?")
    if not open_page(message=message, public=chosen):
        messages.error(request, gettext("Save the message first, then choose who may see its page."))
        return False
    text = gettext("The public page is open.") if chosen else gettext("The public page is closed.")
    messages.success(request, text)
    return True


class AttachedFile(SignedIn):
    """A file as its owner attached it, to download; this site never displays it."""

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        row: Attachment = own_row(Attachment, request.user, pk)
        try:
            file = default_storage.open(path_of(row.message.owner_id, row.digest))
        except OSError as error:
            raise Http404 from error
        return FileResponse(
            file, as_attachment=True, filename=row.name, content_type="application/octet-stream"
        )
