import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, OperationalError
from tqdm import tqdm

from mailer.audience.importing import KNOWN, CannotRead, Imported, encodings, import_clients
from mailer.audience.importing.columns import LABELS, UNUSED
from people.addresses import spelled
from people.models import User
from site_config.shutdown import stop_on_signals

MEANINGS = ", ".join([*filter(None, LABELS), "attribute:NAME", "attribute:NAME:KIND", "unused"])


class Command(BaseCommand):
    help = (
        "Import clients from a CSV, Excel (.xlsx) or vCard file. Its first line names the columns as other "
        "mailing services and address books do; --map says what is not detected. Existing clients get the "
        "file's name and comment. Those who unsubscribed elsewhere go on the stop-list. "
        "Exits 0 only when every line was taken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="whose clients they become")
        parser.add_argument(
            "--group", default="", metavar="NAME", help="put them into this group, created if it is new"
        )
        parser.add_argument("--encoding", default="", help="if it is not detected, such as cp1251 from Excel")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=MEANING",
            help="what a column holds, by its name or number: " + MEANINGS,
        )
        parser.add_argument(
            "--known",
            choices=KNOWN,
            default="update",
            help="what happens to existing clients; “fill”: only what is empty",
        )

    def handle(self, *args: Any, file: Path, owner: str, group: str, encoding: str, **options: Any) -> None:
        user = User.objects.filter(email=spelled(owner)).first()
        if user is None:
            raise CommandError(f"There is no user {owner}.")
        mapping = _mapping(options["map"])
        try:
            encodings.known(encoding or "utf-8")
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
                    mapping=mapping,
                    known=options["known"],
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
        left = f", {imported.suppressed} to the stop-list" if imported.suppressed else ""
        self.stdout.write(
            f"{imported.lines} lines: {imported.created} new clients, {imported.changed} changed, "
            f"{imported.unchanged} as they were, {imported.repeated} repeated, "
            f"{imported.refused} refused{left}."
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


def _mapping(pairs: list[str]) -> dict[str, str]:
    """COLUMN=MEANING, split at the last “=”, as a column's name may contain one."""
    mapping = {}
    for pair in pairs:
        column, _equals, what = pair.rpartition("=")
        meaning = UNUSED if what == "unused" else what
        if not column or not (meaning in LABELS or meaning.startswith("attribute:")):
            raise CommandError(f"--map must look like COLUMN=MEANING, not “{pair}”; it means {MEANINGS}.")
        mapping[column] = meaning
    return mapping
