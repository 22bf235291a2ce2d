"""How many people the service writes to, over all owners; large numbers are counted by the consumer."""

from django.core.cache import cache
from django.db.models import Count

from mailer.models import Client
from site_config.queue import QUEUE_AWAY
from site_config.ui.counting import UpTo, count

KEY = "mailer:unique-clients"
# The cache is in Redis like the queue, or on disk.
CACHE_AWAY: tuple[type[Exception], ...] = (*QUEUE_AWAY, OSError)


def unique_clients() -> UpTo:
    """The number of distinct addresses of clients; never counts more than a page can wait for."""
    few = count(Client.objects.all())
    if not few.more:
        return UpTo(_distinct())
    try:
        kept = cache.get(KEY)
    except CACHE_AWAY:
        kept = None
    return UpTo(kept) if kept else few


def recount() -> None:
    """Count them all, which takes seconds per million."""
    cache.set(KEY, _distinct(), None)


def _distinct() -> int:
    return int(Client.objects.aggregate(number=Count("address_key", distinct=True))["number"])
