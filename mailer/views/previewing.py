"""The preview beside the editor: a draft as one client would get it."""

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render

from mailer.checking.content import check
from mailer.composing import drafts
from mailer.composing.drafts import Written
from mailer.composing.looking import Look, as_dark, look, preheader_of
from mailer.models import Client, Message
from mailer.views.checking import network_context
from mailer.views.mail_frame import mail_frame
from people.models import User
from site_config.ui.http import Request
from site_config.ui.views import OwnersOnly, own_row

FOUND = 8  # clients that a search offers


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the preview was asked to show."""

    client: str = ""
    search: str = ""
    phone: bool = False
    dark: bool = False
    text: bool = False

    @classmethod
    def of(cls, data: Any) -> Self:
        return cls(
            client=data.get("client", "") if data.get("client", "").isdecimal() else "",
            search=data.get("search", "").strip()[:100],
            phone=data.get("screen") == "phone",
            dark=data.get("light") == "dark",
            text=data.get("part") == "text",
        )

    @property
    def query(self) -> str:
        values = {
            "client": self.client,
            "search": self.search,
            "screen": "phone" if self.phone else "",
            "light": "dark" if self.dark else "",
            "part": "text" if self.text else "",
        }
        return urlencode({name: value for name, value in values.items() if value})

    def client_of(self, user: User) -> Client | None:
        if not self.client or len(self.client) > 18:
            return None
        return Client.objects.owned_by(user).filter(pk=self.client).first()


def seen_by(message: Message, written: Written, user: User, chosen: Chosen) -> dict[str, Any]:
    """What the preview's template needs."""
    client = chosen.client_of(user)
    shown = look(written=written, owner=message.owner, client=client)
    found = Client.objects.owned_by(user).search(chosen.search)[:FOUND] if chosen.search else []
    return {
        "message": message,
        "look": shown,
        "findings": check(written=written, look=shown, owner=message.owner),
        "chosen": chosen,
        "client": client,
        "found": found,
        **network_context(message, written, shown, draft=True),
        "preheader": preheader_of(shown.html, shown.text, written.content["preheader"]),
    }


class DraftPreview(OwnersOnly):
    """The panel: how an inbox shows it, what is missing, and the frame."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        written, _since = drafts.written_of(message)
        context = seen_by(message, written, request.user, Chosen.of(request.GET))
        return render(request, "messages/draft_preview.html", context)


@mail_frame
class DraftHtml(OwnersOnly):
    """Only the draft's HTML, for the sandboxed frame."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        written, _since = drafts.written_of(message)
        chosen = Chosen.of(request.GET)
        shown: Look = look(written=written, owner=message.owner, client=chosen.client_of(request.user))
        html = as_dark(shown.html, dark=chosen.dark)
        return HttpResponse(html, status=422 if shown.problem else 200)
