from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailer.reporting.recounting import differences, mend


class Command(BaseCommand):
    help = (
        "Recount the ledger and name every stored figure of a run that differs from it. Exits with an "
        "error if one does. Runs whose deliveries were deleted because of their age are left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mend", action="store_true", help="correct what differs")

    def handle(self, *args: Any, mend: bool, **options: Any) -> None:
        found = 0
        differing: dict[int, None] = {}
        for difference in differences():
            found += 1
            differing[difference.attempt_id] = None
            self.stdout.write(str(difference))
        if not found:
            self.stdout.write("Every stored figure is what the ledger says.")
        elif mend:
            self._mend(list(differing))
        else:
            raise CommandError(f"{found} figures of {len(differing)} runs differ. --mend sets them right.")

    def _mend(self, attempts: list[int]) -> None:
        for attempt_id in attempts:
            mend(attempt_id)
        self.stdout.write(f"Set right: {len(attempts)} runs.")
