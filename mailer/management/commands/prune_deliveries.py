from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from mailer.sending.pruning import prune
from site_config.shutdown import STOPPING, stop_on_signals

MOST_DAYS = 36_500


class Command(BaseCommand):
    help = (
        "Delete each recipient's result in the runs that finished more than N days ago; the runs "
        "and their counts stay. A consumer does this every night after KEEP_DELIVERIES_DAYS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, metavar="N", required=True)

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        if not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days must be a whole number from 1 to {MOST_DAYS}.")
        with stop_on_signals():
            pruned = prune(before=timezone.now() - timedelta(days=days))
        self.stdout.write(f"Deleted {pruned.deliveries} deliveries of {pruned.attempts} runs.")
        if STOPPING.is_set():
            raise CommandError("Stopped before the end. The same command goes on where it stopped.")
