"""What the local mail catcher has caught; only while DEBUG, and for whoever runs the service."""

import re
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views import View

from mailer.transport.caught_mail import CaughtMail, Outbox, find
from mailer.views.mail_frame import mail_frame
from site_config.ui.tables import PER_PAGE

NEW_TAB = '<base target="_blank">'  # this site may not be shown in the frame


class OnlyWhileDebug(View):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.DEBUG:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def mail(self) -> CaughtMail:
        mail = find(self.kwargs["key"])
        if mail is None:
            raise Http404
        return mail


class OutboxList(OnlyWhileDebug):
    def get(self, request: HttpRequest) -> HttpResponse:
        pages: Paginator[CaughtMail] = Paginator(Outbox(), PER_PAGE)  # type: ignore[arg-type]  # a slice does
        page = pages.get_page(request.GET.get("page"))
        return render(request, "outbox/list.html", {"page": page})


class OutboxMail(OnlyWhileDebug):
    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        mail = self.mail()
        return render(
            request,
            "outbox/mail.html",
            {"mail": mail, "text": mail.part("plain"), "html": bool(mail.part("html"))},
        )


@mail_frame
class OutboxHtml(OnlyWhileDebug):
    """Only the HTML part, for a sandboxed frame."""

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        html = self.mail().part("html")
        return HttpResponse(
            re.sub(r"<head[^>]*>", rf"\g<0>{NEW_TAB}", html, count=1) if "<head" in html else NEW_TAB + html
        )
