"""How often articles are read. A page writes nothing to the database: views are kept aside and added up.

Kept in Redis where there is one, since several machines share it; else in a file beside the database.
`flush` takes what is kept aside in one step, so that no view is lost or added twice while others come in.
"""

import fcntl
import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from content.models import Article, CountedBatch

log = logging.getLogger(__name__)

ONCE_IN_SECONDS = 6 * 60 * 60
_MACHINES = re.compile(
    r"bot|crawl|spider|slurp|preview|fetch|scan|monitor|check|feed|curl|wget|python|java/|ruby|go-http|okhttp|"
    r"headless|lighthouse|facebookexternalhit|whatsapp|telegram|https?:",
    re.IGNORECASE,
)


class Buffer(Protocol):
    def add(self, article_id: int) -> None:
        """Keep one view aside."""

    def take(self) -> dict[str, Counter[int]]:
        """What was kept aside by now, in batches with a name; each is given again until it is `done`."""

    def done(self, batch: str) -> None:
        """This batch is in the database."""


class FileBuffer:
    """A line for each view. Writers and takers hold one lock; a taker holds it for a rename only."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept, self.lock = folder, folder / "views.kept", folder / "views.lock"

    def add(self, article_id: int) -> None:
        with self._locked(), self.kept.open("a") as file:
            file.write(f"{article_id}\n")

    def take(self) -> dict[str, Counter[int]]:
        with self._locked():
            if self.kept.exists():
                self.kept.rename(self.folder / f"views.taken.{uuid4().hex}")
        return {path.suffix[1:]: self._counts(path) for path in self.folder.glob("views.taken.*")}

    def done(self, batch: str) -> None:
        (self.folder / f"views.taken.{batch}").unlink(missing_ok=True)

    def _counts(self, path: Path) -> Counter[int]:
        with suppress(FileNotFoundError):  # another consumer was faster
            return Counter(int(line) for line in path.read_text().split() if line.isdecimal())
        return Counter()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class RedisBuffer:
    """A hash with the number of views of each article; a taker renames it, which is one step."""

    def __init__(self, url: str, name: str) -> None:
        import redis  # only installed where there is a server for it

        self.redis: Any = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self.prefix = f"{name}:views"
        self.kept, self.batches = f"{self.prefix}:kept", f"{self.prefix}:batches"

    def add(self, article_id: int) -> None:
        self.redis.hincrby(self.kept, str(article_id), 1)

    def take(self) -> dict[str, Counter[int]]:
        batch = uuid4().hex
        if self.redis.exists(self.kept):
            step = self.redis.pipeline(transaction=True)
            step.sadd(self.batches, batch).rename(self.kept, f"{self.prefix}:{batch}")
            step.execute(raise_on_error=False)  # another consumer may have renamed it meanwhile
        return {name.decode(): self._counts(name.decode()) for name in self.redis.smembers(self.batches)}

    def done(self, batch: str) -> None:
        step = self.redis.pipeline(transaction=True)
        step.srem(self.batches, batch).delete(f"{self.prefix}:{batch}")
        step.execute()

    def _counts(self, batch: str) -> Counter[int]:
        taken: dict[bytes, bytes] = self.redis.hgetall(f"{self.prefix}:{batch}")
        return Counter({int(article): int(number) for article, number in taken.items()})


def buffer() -> Buffer:
    if settings.REDIS_URL:
        return RedisBuffer(settings.REDIS_URL, str(settings.HUEY["name"]))
    return FileBuffer(settings.VAR_DIR)


def count_view(request: HttpRequest, response: HttpResponse, *, article_id: int) -> None:
    """Count a person's view, once in six hours; the visitor's own browser remembers it."""
    name = f"read_{article_id}"
    if request.method != "GET" or name in request.COOKIES or is_machine(request):
        return
    try:
        buffer().add(article_id)
    except Exception:  # a view that cannot be counted is no reason to show no page
        log.warning("A view of article %s was not counted.", article_id, exc_info=True)
        return
    response.set_cookie(
        name, "1", max_age=ONCE_IN_SECONDS, path=request.path, httponly=True, samesite="Lax",
        secure=request.is_secure(),
    )  # fmt: skip


def is_machine(request: HttpRequest) -> bool:
    """Bots, tools, and browsers that fetch a page which nobody may ever look at."""
    agent = request.headers.get("User-Agent", "")
    ahead = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return not agent or bool(_MACHINES.search(agent)) or "prefetch" in ahead


def flush() -> int:
    """Add what was kept aside to the articles; return how many views that were.

    A batch and its name are written in one transaction: whoever meets it again, after a crash or in
    another consumer, leaves it alone.
    """
    views, added = buffer(), 0
    for batch, counts in views.take().items():
        added += _add(batch, counts)
        views.done(batch)
    CountedBatch.objects.filter(counted_at__lt=timezone.now() - timedelta(days=2)).delete()
    return added


def _add(batch: str, counts: Counter[int]) -> int:
    try:
        with transaction.atomic():
            CountedBatch.objects.create(name=batch)
            for article_id, number in sorted(counts.items()):
                Article.objects.filter(pk=article_id).update(views=F("views") + number)
    except IntegrityError:
        return 0
    return counts.total()
