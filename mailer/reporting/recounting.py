"""Whether every stored figure equals a count over the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum

from mailer.models import Attempt, Delivery
from mailer.reporting.domains import count_domains

FINAL = (Delivery.Status.SENT, Delivery.Status.FAILED, Delivery.Status.SKIPPED, Delivery.Status.EXPIRED)
COUNTED = {
    "total": Count("deliveries"),
    **{status.value: Count("deliveries", filter=Q(deliveries__status=status)) for status in FINAL},
    "possibly_twice": Count("deliveries", filter=Q(deliveries__possibly_twice=True)),
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A figure of an attempt that differs from its ledger."""

    attempt_id: int
    figure: str
    stored: int | str
    counted: int | str

    def __str__(self) -> str:
        return f"run {self.attempt_id}: {self.figure} is {self.stored}, by the ledger {self.counted}"


def differences(*, attempts: QuerySet[Attempt] | None = None) -> Iterator[Difference]:
    """Compare attempt by attempt, each in one statement, so that even those being sent can be compared.

    Attempts whose deliveries were pruned have nothing left to compare with.
    """
    rows = Attempt.objects.all() if attempts is None else attempts
    for attempt_id in rows.filter(pruned_at=None).order_by("pk").values_list("pk", flat=True):
        yield from _of_one(attempt_id)


def mend(attempt_id: int) -> None:
    """Correct an attempt's counts, and those by domain; its workers wait meanwhile."""
    with transaction.atomic():
        attempt = Attempt.objects.select_for_update().filter(pk=attempt_id, pruned_at=None).first()
        if attempt is None:
            return
        counted = _counted(attempt_id)
        figures: dict[str, Any] = {name: counted[f"ledger_{name}"] for name in COUNTED}
        if attempt.finished_at:
            unsent = figures["failed"] + figures["expired"]
            figures["status"] = Attempt.outcome(sent=figures["sent"], unsent=unsent)
        Attempt.objects.filter(pk=attempt_id).update(**figures)
    count_domains(attempt_id)


def _counted(attempt_id: int) -> dict[str, int]:
    """An attempt's figures as stored and as in the ledger, read at one moment."""
    rows = Attempt.objects.filter(pk=attempt_id).order_by()
    found = rows.annotate(**{f"ledger_{name}": count for name, count in COUNTED.items()})
    stored = {f"stored_{name}": F(name) for name in COUNTED}
    return found.values(*(f"ledger_{name}" for name in COUNTED), **stored).first() or {}


def _of_one(attempt_id: int) -> Iterator[Difference]:
    counted = _counted(attempt_id)
    for name in COUNTED if counted else ():
        stored, ledger = counted[f"stored_{name}"], counted[f"ledger_{name}"]
        if stored != ledger:
            yield Difference(attempt_id=attempt_id, figure=name, stored=stored, counted=ledger)
    attempt = Attempt.objects.filter(pk=attempt_id, finished_at__isnull=False).first()
    if attempt is None:
        return
    fitting = Attempt.outcome(sent=attempt.sent, unsent=attempt.failed + attempt.expired)
    if fitting != attempt.status:
        yield Difference(attempt_id=attempt_id, figure="status", stored=attempt.status, counted=fitting)
    domains = attempt.domain_counts.aggregate(total=Sum("total"), sent=Sum("sent"), failed=Sum("failed"))
    for name, stored in domains.items():
        if stored is not None and stored != getattr(attempt, name):
            figure = f"{name} by domain"
            yield Difference(
                attempt_id=attempt_id, figure=figure, stored=stored, counted=getattr(attempt, name)
            )
