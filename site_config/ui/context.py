from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from site_config.ui.http import Request

NAVIGATION = {
    "start": _("Overview"),
    "mailings": _("Mailings"),
    "clients": _("Clients"),
    "groups": _("Groups"),
    "messages": _("Messages"),
    "reports": _("Reports"),
}
FOR_MANAGERS = {
    "users": ("people.see_all_users", _("Users")),
    "service": ("mailer.see_all_mailings", _("Service")),
    "audit": ("people.view_auditentry", _("Audit trail")),
}
OWN_THINGS = ("clients", "groups", "messages")  # those who look after others' mailings have none
OUTBOX = {"outbox": _("Outbox")}
# The key after g that goes there, on any keyboard layout: see static/js/keyboard.js.
KEYS = {
    "start": "o",
    "mailings": "m",
    "clients": "c",
    "groups": "g",
    "messages": "e",
    "reports": "r",
    "users": "u",
    "audit": "a",
}


@dataclass(frozen=True)
class NavigationItem:
    url: str
    title: str | Promise
    active: bool
    key: str


def site(request: HttpRequest) -> dict[str, Any]:
    """What every template may need: the time zone in use, and the navigation."""
    return {
        "zone_name": timezone.get_current_timezone_name(),
        "outbox_open": settings.DEBUG,
        "signup_open": settings.SIGNUP in ("open", "review"),
        "navigation": SimpleLazyObject(lambda: _navigation(request)),  # fragments show no navigation
    }


def _navigation(request: HttpRequest) -> list[NavigationItem]:
    items = [(reverse(name), title, KEYS.get(name, "")) for name, title in _throttle(request).items()]
    return [NavigationItem(url, title, request.path.startswith(url), key) for url, title, key in items]


def _throttle(request: HttpRequest) -> dict[str, str | Promise]:
    user = cast("Request", request).user
    names: dict[str, str | Promise] = dict(NAVIGATION)
    if user.is_authenticated:
        names |= {name: title for name, (needs, title) in FOR_MANAGERS.items() if user.has_perm(needs)}
        if user.only_watches:
            names = {name: title for name, title in names.items() if name not in OWN_THINGS}
    return names | OUTBOX if settings.DEBUG else names
