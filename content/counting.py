"""How often an article was read: counted in memory, written by a thread a few seconds later."""

import atexit
import logging
import re
from collections import Counter
from threading import Lock, Timer

from django.db import DatabaseError, connection
from django.db.models import F
from django.http import HttpRequest, HttpResponse

from content.models import Article

log = logging.getLogger(__name__)

ONCE_IN_SECONDS = 6 * 60 * 60
WRITE_AFTER_SECONDS = 10
_MACHINES = re.compile(
    r"bot|crawl|spider|slurp|preview|fetch|scan|monitor|check|feed|curl|wget|python|java/|ruby|go-http|okhttp|"
    r"headless|lighthouse|facebookexternalhit|whatsapp|telegram|https?:",
    re.IGNORECASE,
)
_views: Counter[int] = Counter()  # by article: read in this process and not written yet
_lock = Lock()


def count_view(request: HttpRequest, response: HttpResponse, *, article_id: int) -> None:
    """Count a person's view, once in six hours; the visitor's own browser remembers it."""
    name = f"read_{article_id}"
    if request.method != "GET" or name in request.COOKIES or is_machine(request):
        return
    with _lock:
        if not _views:
            timer = Timer(WRITE_AFTER_SECONDS, _write_in_thread)
            timer.daemon = True  # at exit, `write` is called anyway
            timer.start()
        _views[article_id] += 1
    response.set_cookie(
        name, "1", max_age=ONCE_IN_SECONDS, path=request.path, httponly=True, samesite="Lax",
        secure=request.is_secure(),
    )  # fmt: skip


def is_machine(request: HttpRequest) -> bool:
    """Bots, tools, and browsers that prefetch a page."""
    agent = request.headers.get("User-Agent", "")
    ahead = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return not agent or bool(_MACHINES.search(agent)) or "prefetch" in ahead


@atexit.register
def write() -> None:
    """Add this process's views to the articles; if the database is away they are lost, which is logged."""
    with _lock:
        views = sorted(_views.items())
        _views.clear()
    try:
        for article_id, number in views:
            Article.objects.filter(pk=article_id).update(views=F("views") + number)
    except DatabaseError:
        log.warning("Views of articles could not be written: %s", dict(views), exc_info=True)


def _write_in_thread() -> None:
    try:
        write()
    finally:
        connection.close()
