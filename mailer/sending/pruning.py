"""Keeps the ledger from growing for ever: old deliveries go, the counts of their attempts stay."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from mailer.models import Attempt, Delivery
from site_config import connections
from site_config.shutdown import STOPPING

BATCH = 5000  # rows per transaction: others can write in between, and a stop takes effect within a second


class Pruned(NamedTuple):
    attempts: int
    deliveries: int


def prune(*, before: datetime) -> Pruned:
    """Delete the deliveries of all attempts that finished before a time; return how many there were.

    After a stop or a crash, the next call continues.
    """
    attempts = deliveries = 0
    for attempt_id in _old(before):
        # Marked first: no report may show a part of the ledger as if it were complete.
        Attempt.objects.filter(pk=attempt_id, pruned_at=None).update(pruned_at=timezone.now())
        first: int | None = 0
        while first is not None:
            if STOPPING.is_set():
                return Pruned(attempts, deliveries)
            first, deleted = delete_some(attempt_id, first)
            deliveries += deleted
            connections.release()
        attempts += 1
    return Pruned(attempts, deliveries)


def prune_old() -> Pruned:
    """Delete what is older than KEEP_DELIVERIES_DAYS; nothing if that is 0."""
    days = settings.KEEP_DELIVERIES_DAYS
    return prune(before=timezone.now() - timedelta(days=days)) if days else Pruned(0, 0)


def _old(before: datetime) -> list[int]:
    kept = Exists(Delivery.objects.filter(attempt=OuterRef("pk")))
    rows = Attempt.objects.filter(kept, finished_at__lt=before)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def delete_some(attempt_id: int, first: int) -> tuple[int | None, int]:
    """Delete a batch; return the first row that is left, if any, and how many were deleted."""
    rows = Delivery.objects.filter(attempt_id=attempt_id, pk__gte=first)
    following = rows.order_by("pk").values_list("pk", flat=True)[BATCH : BATCH + 1].first()
    if following is not None:
        rows = rows.filter(pk__lt=following)
    return following, rows.delete()[0]
