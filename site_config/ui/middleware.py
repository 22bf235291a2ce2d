from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.messages import get_messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.defaults import page_not_found

from site_config.ui.http import is_htmx, trigger

# What stands in these addresses opens something by itself.
SECRET = ("/accounts/", "/admin/", "/u/", "/v/", "/join/confirm/", "/replies/")
GetResponse = Callable[[HttpRequest], HttpResponse]


class CompressedPages(GZipMiddleware):
    """Compress pages alone: files are compressed where they are stored, and exports begin at once.

    Django pads each by random octets, so that its length tells nobody what is in it (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


def user_time_zone(get_response: GetResponse) -> GetResponse:
    """Show and read every time in the user's own zone."""

    def middleware(request: HttpRequest) -> HttpResponse:
        name = getattr(request.user, "time_zone", "")
        try:
            zone = ZoneInfo(name) if name else timezone.get_default_timezone()
        except (ZoneInfoNotFoundError, ValueError):
            zone = timezone.get_default_timezone()
        with timezone.override(zone):
            return get_response(request)

    return middleware


def private_answers(get_response: GetResponse) -> GetResponse:
    """Let nobody keep what was answered to who is signed in, or to who came by a secret link.

    No proxy and no browser: the next person at the same machine must not find it by "Back". What says itself
    that it is public, as the blog's pictures do, may be kept.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        secret = request.path_info.startswith(SECRET) or request.user.is_authenticated
        response = get_response(request)
        secret = secret or request.user.is_authenticated  # who has just logged in
        if secret and "public" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "private, no-store"
        return response

    return middleware


def own_not_found(get_response: GetResponse) -> GetResponse:
    """Say that a page is not there as visitors read it, also while DEBUG (Django lists its URLs)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if settings.DEBUG and isinstance(response, HttpResponseNotFound):
            return page_not_found(request, Http404())
        return response

    return middleware


def limited_bodies(get_response: GetResponse) -> GetResponse:
    """Refuse a body that is too large for who sends it, before any of it is read."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "HTTP_TRANSFER_ENCODING" in request.META:  # of a length that nobody knows
            return render(request, "413.html", status=411)
        limit = settings.UPLOAD_LIMIT_MB * 1_000_000
        if not request.user.is_authenticated:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = str(request.META.get("CONTENT_LENGTH") or "0")
        if not length.isdecimal() or int(length) > limit:
            return render(request, "413.html", status=413)
        return get_response(request)

    return middleware


def htmx_responses(get_response: GetResponse) -> GetResponse:
    """Turn redirects and messages into what htmx understands, and tell caches what varies."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        if not is_htmx(request):
            return response
        if response.status_code in (301, 302, 303):
            # The next page shows the messages; this answer is never rendered.
            redirect = HttpResponse(status=204)
            redirect["HX-Redirect"] = response["Location"]
            redirect.cookies = response.cookies
            return redirect
        toasts = [
            {"level": m.level_tag, "text": str(m)} | ({"undo": m.extra_tags} if m.extra_tags else {})
            for m in get_messages(request)
        ]
        return trigger(response, "toasts", toasts) if toasts else response

    return middleware
