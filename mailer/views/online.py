"""A mail in the browser, for whoever has its address: one's own, or a public one."""

import re
from collections.abc import Callable
from typing import Any, cast

from csp.constants import NONE
from csp.decorators import csp
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.views.decorators.http import require_safe
from liquid.exceptions import LiquidError

from mailer.composing.compiling import Preview
from mailer.composing.picture_files import as_page
from mailer.composing.public_pages import page_by, page_of
from mailer.composing.slots import Busy
from mailer.models.message import Public
from mailer.reporting.online import delivery_by
from mailer.reporting.receipt import page_again
from mailer.views.mail_frame import WITH_PICTURES

PAGE_POLICY = {**WITH_PICTURES, "frame-ancestors": [NONE]}
SECONDS = 30  # until a reader may ask again
_HEAD = re.compile(r"<head(?:\s[^<>]{0,1000})?>", re.IGNORECASE)
View = Callable[..., HttpResponse]


def mail_page(view: View) -> View:
    """Decorate a view that returns the HTML of a mail, which can only be looked at."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = view(request, *args, **kwargs)
        answer["Referrer-Policy"] = "no-referrer"
        answer.setdefault("X-Robots-Tag", "noindex")
        answer.setdefault("Cache-Control", "private, no-store")
        return answer

    return require_safe(guarded)


@mail_page
def own_mail(request: HttpRequest, token: str) -> HttpResponse:
    """The mail of one recipient as it was sent to them, whatever has changed since."""
    delivery = delivery_by(token)
    if delivery is None:
        return render(request, "messages/gone.html", {"token": token}, status=404)
    return shown(request, lambda: page_again(delivery))


@mail_page
def public_page(request: HttpRequest, key: str) -> HttpResponse:
    """A message whose owner lets everybody see it."""
    message = page_by(key)
    if message is None:
        return render(request, "messages/gone.html", {"public": True}, status=404)
    answer = shown(request, lambda: page_of(message))
    answer["Cache-Control"] = "no-cache"  # it may be closed at any time
    if message.public == Public.SEARCH and answer.status_code == 200:
        answer["X-Robots-Tag"] = "all"
    return answer


def shown(request: HttpRequest, make: Callable[[], Preview]) -> HttpResponse:
    """The page, or a sentence if it cannot be made now."""
    try:
        page = make()
    except Busy:
        answer = render(request, "messages/busy.html", status=503)
        answer["Retry-After"] = str(SECONDS)
        return answer
    except LiquidError:
        return render(request, "messages/gone.html", status=404)
    html = as_page(titled(page.html, page.subject))
    return cast("HttpResponse", csp(PAGE_POLICY)(lambda _request: HttpResponse(html))(request))


def titled(html: str, subject: str) -> str:
    """With the subject as its title, if it has none: that is what a browser tab shows."""
    lower = html.lower()
    begin, end = lower.find("<title>"), lower.find("</title>")
    if 0 <= begin < end:
        inside = begin + len("<title>")
        return html if html[inside:end].strip() else html[:inside] + escape(subject) + html[end:]
    head = _HEAD.search(html)
    return html[: head.end()] + f"<title>{escape(subject)}</title>" + html[head.end() :] if head else html
