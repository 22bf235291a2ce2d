"""Whether the parts that the service stands on answer: for a load balancer or a supervisor."""

import logging
from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, JsonResponse
from huey.contrib.djhuey import HUEY

log = logging.getLogger(__name__)


def healthz(_request: HttpRequest) -> JsonResponse:
    """200 with each part `ok`, or 503 with those that are `away`."""
    parts = {"database": _answers(_ask_database), "queue": _answers(HUEY.pending_count)}
    status = 200 if all(parts.values()) else 503
    words = {name: "ok" if well else "away" for name, well in parts.items()}
    return JsonResponse(words, status=status, headers={"Cache-Control": "no-store"})


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:  # whatever it is, the part cannot be used
        log.exception("a part of the service does not answer")
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
