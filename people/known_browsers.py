"""Browsers in which a user has logged in before: a stranger's wrong passwords never lock them out.

Password tries are limited by account and network. Against many networks there is a second limit by account
alone, which does not apply to a browser that knows the account.
"""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from people.models import User

COOKIE = "known_for"
SALT = "people.known_browsers"
DAYS = 180
AT_MOST = 5  # accounts per browser


def known_for(request: HttpRequest) -> list[str]:
    """The addresses that logged in here before, the latest first."""
    try:
        found = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=DAYS * 24 * 3600)
    except signing.BadSignature:
        return []
    return [str(email) for email in found]


def remember(request: HttpRequest, user: User) -> None:
    """Have the response to this request mark the browser as known."""
    request.known_user = user  # type: ignore[attr-defined]  # for the middleware


def mark_known(request: HttpRequest, response: HttpResponse) -> None:
    user: User | None = getattr(request, "known_user", None)
    if user is None:
        return
    emails = [user.email, *(email for email in known_for(request) if email != user.email)]
    response.set_cookie(
        COOKIE,
        signing.dumps(emails[:AT_MOST], salt=SALT),
        max_age=DAYS * 24 * 3600,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
