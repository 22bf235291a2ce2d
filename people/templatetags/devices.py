"""Sessions, described so that people recognise them."""

import ipaddress
import re

from django import template
from django.utils.translation import gettext as _

register = template.Library()
# The first match wins: most browsers also claim to be others.
BROWSERS = (
    ("YaBrowser/", "Yandex Browser"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/|Chromium/", "Chrome"),
    (r"Version/[\d.]+.* Safari/", "Safari"),
    (r"^(?:curl|Wget|python-requests|Python-urllib)", "curl"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "macOS"),
    ("Linux|X11", "Linux"),
)


@register.filter
def device(user_agent: str) -> str:
    """“Firefox, Windows”, from a browser's User-Agent."""
    names = [_first(BROWSERS, user_agent) or _("another browser"), _first(SYSTEMS, user_agent)]
    return ", ".join(name for name in names if name)


def _first(known: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for pattern, name in known if re.search(pattern, user_agent)), "")


@register.filter
def network(ip: str) -> str:
    """The network of an address: it tells roughly where, and stays the same from day to day."""
    address = ipaddress.ip_address(ip)
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))
