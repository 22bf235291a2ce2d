from collections.abc import Callable

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from people.audit import ASKED_BY, ORIGIN
from people.known_browsers import tell

GetResponse = Callable[[HttpRequest], HttpResponse]


def audit_origin(get_response: GetResponse) -> GetResponse:
    """Let the audit trail know from where a request comes, and by whom."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            address = get_adapter().get_client_ip(request)
        except PermissionDenied:  # a socket without an address
            address = None
        origin, asked_by = ORIGIN.set(address), ASKED_BY.set(lambda: request.user)
        try:
            return get_response(request)
        finally:
            ORIGIN.reset(origin)
            ASKED_BY.reset(asked_by)

    return middleware


def known_browser(get_response: GetResponse) -> GetResponse:
    """Tell a browser in which somebody has just logged in that it is known."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        tell(request, response)
        return response

    return middleware


def user_language(get_response: GetResponse) -> GetResponse:
    """Speak the language that a signed-in user chose, whatever the browser prefers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "")
        if language and language != translation.get_language():
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return middleware
