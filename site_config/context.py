from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NAVIGATION = {
    "mailings": _("Mailings"),
    "clients": _("Clients"),
    "groups": _("Groups"),
    "messages": _("Messages"),
    "reports": _("Reports"),
}
OUTBOX = {"outbox": _("Outbox")}


@dataclass(frozen=True)
class NavigationItem:
    url: str
    title: str | Promise
    active: bool


def site(request: HttpRequest) -> dict[str, Any]:
    """What every template may need: the zone times are shown in, and where one can go."""
    names = NAVIGATION | OUTBOX if settings.DEBUG else NAVIGATION
    items = [(reverse(name), title) for name, title in names.items()]
    return {
        "zone_name": timezone.get_current_timezone_name(),
        "outbox_open": settings.DEBUG,
        "navigation": [NavigationItem(url, title, request.path.startswith(url)) for url, title in items],
    }
