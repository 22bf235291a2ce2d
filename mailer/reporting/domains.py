"""How an attempt's mails fared by their recipients' domains: counted once, when it has ended."""

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Value
from django.db.models.functions import Lower, StrIndex, Substr

from mailer.models import Attempt, Delivery, DomainCount
from site_config.shutdown import STOPPING

KEPT = 50  # domains named per attempt; all others are one row


def count_domains(attempt_id: int) -> None:
    """Count the ledger of a finished attempt by domain; safe to call twice."""
    attempt = Attempt.objects.filter(pk=attempt_id, finished_at__isnull=False, pruned_at=None).first()
    if attempt is None or not attempt.total:
        return
    counted = (
        attempt.deliveries.order_by()
        .annotate(domain=Lower(Substr("email", StrIndex("email", Value("@")) + 1)))
        .values_list("domain")
        .annotate(
            total=Count("pk"),
            sent=Count("pk", filter=Q(status=Delivery.Status.SENT)),
            failed=Count("pk", filter=Q(status=Delivery.Status.FAILED)),
        )
        .order_by("-total", "domain")
    )
    named = [
        DomainCount(attempt=attempt, domain=d, total=t, sent=s, failed=f) for d, t, s, f in counted[:KEPT]
    ]
    rest = {
        name: getattr(attempt, name) - sum(getattr(row, name) for row in named)
        for name in ("total", "sent", "failed")
    }
    if rest["total"] > 0:
        named.append(DomainCount(attempt=attempt, domain="", **rest))
    with transaction.atomic():
        Attempt.objects.select_for_update().get(pk=attempt_id)
        DomainCount.objects.filter(attempt=attempt).delete()
        DomainCount.objects.bulk_create(named)


def count_left_over() -> None:
    """Count what no task has counted: a lost task, or an attempt older than these figures."""
    none_yet = ~Exists(DomainCount.objects.filter(attempt=OuterRef("pk")))
    attempts = Attempt.objects.filter(none_yet, finished_at__isnull=False, pruned_at=None, total__gt=0)
    for attempt_id in attempts.order_by("pk").values_list("pk", flat=True):
        if STOPPING.is_set():
            return
        count_domains(attempt_id)
