from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone


def site(_request: HttpRequest) -> dict[str, Any]:
    """What every template may need: the zone times are shown in, and whether the outbox is open."""
    return {"zone_name": timezone.get_current_timezone_name(), "outbox_open": settings.DEBUG}
