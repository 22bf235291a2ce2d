import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from tqdm import tqdm

from mailer.models import Attempt, Lease, Mailing
from mailer.sending import leases, worker
from mailer.sending.opening import CannotRun, latest_id, open_mailing, run_now
from site_config.shutdown import STOPPING, stop_on_signals


class Command(BaseCommand):
    help = (
        "Open and send everything that is due, in the foreground, with the consumer's code. "
        "Exits with 0 only if nothing that could go out failed; what is paused, disabled or on hold is named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mailing", type=int, metavar="ID", help="run this mailing now, and only it")

    def handle(self, *args: Any, mailing: int | None, **options: Any) -> None:
        with stop_on_signals():
            attempts = list(self._open_one(mailing) if mailing is not None else self._open_due())
            rows = Attempt.objects.filter(pk__in=attempts)
            total = sum(row.waiting for row in rows)
            with tqdm(total=total, unit="mail", file=sys.stderr, disable=not total) as bar:
                self._send_all(attempts, bar)
        self._report(Attempt.objects.filter(pk__in=attempts).order_by("pk"))

    def _open_one(self, mailing_id: int) -> Iterator[int]:
        mailing = Mailing.objects.filter(pk=mailing_id).first()
        if mailing is None:
            raise CommandError(f"There is no mailing {mailing_id}.")
        try:
            yield run_now(mailing=mailing, after=latest_id(mailing)).pk
        except CannotRun as reason:
            raise CommandError(f"Mailing {mailing_id} cannot run now: {reason}") from reason

    def _open_due(self) -> Iterator[int]:
        now = timezone.now()
        for attempt_id in leases.lost():
            leases.enqueue(attempt_id)
        yield from Attempt.objects.running().values_list("pk", flat=True)
        due = Mailing.objects.due(now).order_by("next_run_at", "pk")
        for mailing_id in list(due.values_list("pk", flat=True)):
            attempt = open_mailing(mailing_id)
            if attempt is not None:
                yield attempt.pk

    def _send_all(self, attempts: list[int], bar: "tqdm[None]") -> None:
        """Send each as far as it goes; what a rate limit delays goes on when it may."""
        waiting = dict.fromkeys(attempts, timezone.now())
        while waiting:
            attempt_id, goes_on = min(waiting.items(), key=lambda item: item[1])
            if STOPPING.wait(max((goes_on - timezone.now()).total_seconds(), 0)):
                return
            del waiting[attempt_id]
            if later := self._send(attempt_id, bar):
                waiting[attempt_id] = later

    def _send(self, attempt_id: int, bar: "tqdm[None]") -> datetime | None:
        """Send what can be sent of an attempt now; an attempt that has a worker is left to it."""

        def advance(done: int) -> None:
            bar.update(done)

        leases.enqueue(attempt_id)
        goes_on = None
        queued = Lease.objects.filter(attempt_id=attempt_id, running=False)
        while not STOPPING.is_set() and (lease := queued.first()):
            goes_on = worker.send_attempt(attempt_id, lease.token, on_progress=advance)
        return goes_on

    def _report(self, attempts: QuerySet[Attempt]) -> None:
        unsuccessful = 0
        for attempt in attempts.select_related("mailing__owner"):
            why = _withheld(attempt)
            unsuccessful += not why and not _went_well(attempt)
            self.stdout.write(
                f"{attempt.mailing}: {why or attempt.get_status_display()} – {attempt.sent} sent, "
                f"{attempt.failed} failed, {attempt.skipped} skipped, {attempt.expired} expired, "
                f"{attempt.waiting} waiting"
            )
            for line in (attempt.problem or attempt.server_response).splitlines():
                self.stdout.write(f"    {line}")
        if not attempts:
            self.stdout.write("Nothing is due.")
        if unsuccessful:
            raise CommandError(f"{unsuccessful} of {len(attempts)} runs did not succeed.")


def _withheld(attempt: Attempt) -> str:
    """Why an unfinished run was not meant to go on, or an empty string."""
    mailing = attempt.mailing
    if attempt.status != Attempt.Status.RUNNING:
        return ""
    if mailing.disabled_at or not mailing.owner.is_active:
        return "disabled by a manager"
    if mailing.paused_at:
        return "paused by its owner"
    if attempt.problem_code == Attempt.ALLOWANCE:
        return "waits for its owner's daily allowance"
    return "on hold" if attempt.held_at else ""


def _went_well(attempt: Attempt) -> bool:
    """Whether nothing that could go out failed; a run with nobody to mail fails."""
    over = attempt.status != Attempt.Status.RUNNING
    return over and bool(attempt.sent or attempt.skipped) and not (attempt.failed or attempt.expired)
