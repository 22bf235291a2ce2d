"""Helpers for views that answer htmx and plain browsers from the same URL."""

import json
from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails

if TYPE_CHECKING:
    from people.models import User


class Request(HttpRequest):
    """A signed-in user's request, as the middlewares leave it."""

    htmx: HtmxDetails
    user: "User"


def targets(request: HttpRequest, element_id: str) -> bool:
    """Whether htmx will put the response into the element with this id.

    htmx 2 sends the bare id, htmx 4 `tag#id`.
    """
    htmx = cast("Request", request).htmx
    return bool(htmx) and (htmx.target or "").rpartition("#")[2] == element_id


def is_htmx(request: HttpRequest) -> bool:
    """Whether a fragment was asked for: by htmx, and not because a page was missing from its history."""
    htmx = cast("Request", request).htmx
    return bool(htmx) and not htmx.history_restore_request


def sent_from(request: HttpRequest) -> str:
    """The path of the page from which htmx sent a request, or an empty string; not to be trusted."""
    try:
        return cast("Request", request).htmx.current_url_abs_path or ""
    except ValueError:
        return ""


def trigger(response: HttpResponse, event: str, detail: Any = True) -> HttpResponse:
    """Add an event to the response's HX-Trigger header, keeping those already there."""
    events: dict[str, Any] = json.loads(response.get("HX-Trigger", "{}"))
    events[event] = detail
    response["HX-Trigger"] = json.dumps(events)
    return response


def done(request: HttpRequest, text: object, *, undo: str = "") -> None:
    """Say on the next page, or in a toast, what was done; a POST to `undo` reverts it."""
    messages.success(request, str(text), extra_tags=undo)


def no_content(*events: str) -> HttpResponse:
    """Answer 204: nothing to swap, but these events happened."""
    response = HttpResponse(status=204)
    for event in events:
        trigger(response, event)
    return response


def retarget(response: HttpResponse, selector: str, swap: str = "outerHTML") -> HttpResponse:
    response["HX-Retarget"] = selector
    response["HX-Reswap"] = swap
    return response
