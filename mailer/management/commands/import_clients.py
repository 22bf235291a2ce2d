import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, OperationalError
from tqdm import tqdm

from mailer.audience.importing import CannotRead, Imported, import_clients
from people.addresses import spelled
from people.models import User
from site_config.shutdown import stop_on_signals


class Command(BaseCommand):
    help = (
        "Add the clients of a CSV file to a user's. Its first line names the columns: email, full_name (or "
        "first_name and last_name), comment. Who is there already gets the name and comment of the file. "
        "Exits 0 only when every line was taken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="whose clients they become")
        parser.add_argument(
            "--group", default="", metavar="NAME", help="put them into this group, made if it is new"
        )
        parser.add_argument("--encoding", default="utf-8", help="if it is not UTF-8, as cp1251 from Excel")

    def handle(self, *args: Any, file: Path, owner: str, group: str, encoding: str, **options: Any) -> None:
        user = User.objects.filter(email=spelled(owner)).first()
        if user is None:
            raise CommandError(f"There is no user {owner}.")
        try:
            "".encode(encoding)
        except LookupError as error:
            raise CommandError(f"There is no encoding {encoding}.") from error
        try:
            with (
                stop_on_signals(),
                file.open("rb") as source,
                tqdm(total=file.stat().st_size, unit="B", unit_scale=True, file=sys.stderr) as bar,
            ):
                imported = import_clients(
                    source,
                    owner=user,
                    group=group,
                    encoding=encoding,
                    on_progress=lambda: bar.update(source.tell() - bar.n),
                )
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror or error}.") from error
        except CannotRead as error:
            raise CommandError(f"{file} was not imported. {error}") from error
        except ValidationError as error:
            raise CommandError(f"No group can be called “{group}”: {' '.join(error.messages)}") from error
        except (IntegrityError, OperationalError) as error:
            raise CommandError(
                "Not all is in: the clients or the group were changed meanwhile, or the database was away. "
                "Run the same command again."
            ) from error
        self._report(imported)

    def _report(self, imported: Imported) -> None:
        self.stdout.write(
            f"{imported.lines} lines: {imported.created} new clients, {imported.changed} changed, "
            f"{imported.unchanged} as they were, {imported.repeated} repeated, {imported.refused} refused."
        )
        if imported.unused:
            self.stdout.write(f"Not used: {', '.join(imported.unused)}.")
        for refused in imported.examples:
            self.stderr.write(f"line {refused.line}: “{refused.email}”: {refused.why}")
        if imported.refused > len(imported.examples):
            self.stderr.write(f"… and {imported.refused - len(imported.examples)} more.")
        if imported.stopped:
            raise CommandError("Stopped before the end. The same command does the rest.")
        if imported.refused:
            raise CommandError(
                f"{imported.refused} of {imported.lines} lines were refused; the others are in."
            )
