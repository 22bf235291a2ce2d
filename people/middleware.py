from collections.abc import Callable

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _

from people.audit import ASKED_BY, ORIGIN
from people.known_browsers import mark_known

# One's own account, and what every page needs.
WITHOUT_SECOND_FACTOR = ("/accounts/", "/i18n/", "/static/", "/healthz", "/readyz", "/metrics")
GetResponse = Callable[[HttpRequest], HttpResponse]


def audit_origin(get_response: GetResponse) -> GetResponse:
    """Tell the audit trail where a request comes from, and who makes it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            address = get_adapter().get_client_ip(request)
        except PermissionDenied:  # a socket that has no address
            address = None
        origin, asked_by = ORIGIN.set(address), ASKED_BY.set(lambda: request.user)
        try:
            return get_response(request)
        finally:
            ORIGIN.reset(origin)
            ASKED_BY.reset(asked_by)

    return middleware


def known_browser(get_response: GetResponse) -> GetResponse:
    """Mark the browser in which somebody has just logged in as known."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        mark_known(request, response)
        return response

    return middleware


def user_language(get_response: GetResponse) -> GetResponse:
    """Use the language that a signed-in user chose, whatever the browser prefers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "")
        if language and language != translation.get_language():
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return middleware


def staff_two_factor(get_response: GetResponse) -> GetResponse:
    """Where STAFF_TWO_FACTOR demands it, let staff in only with a second factor.

    Until they have one, they see the pages on which to set it up.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        user = request.user
        open_to_all = request.path_info.startswith(WITHOUT_SECOND_FACTOR)
        if not settings.STAFF_TWO_FACTOR or open_to_all or not getattr(user, "is_overseer", False):
            return get_response(request)
        if is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]):
            return get_response(request)
        messages.warning(
            request, _("Turn on two-factor log-in first: this service requires it of its staff.")
        )
        return redirect("mfa_index")

    return middleware
