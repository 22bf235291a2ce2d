"""Clients and the stop-list as CSV or Excel, written while they are sent, in constant memory.

An import can read it all back: columns, reasons and dates included.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import QuerySet, Subquery

from mailer.audience.exporting.xlsx import workbook
from mailer.models import Client, Consent, OptOut, Suppression
from mailer.models.attribute import written_value

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CLIENT_COLUMNS = ("email", "full_name", "comment", "stop_list", "stop_list_since")
STOP_COLUMNS = ("email", "reason", "since", "until")
OPT_OUT_COLUMNS = ("email", "left", "since")
CONSENT_COLUMNS = ("email", "kind", "wording", "version", "form", "network", "given", "confirmed")
_CHUNK = 5_000  # rows read at a time
_LINES = 500  # lines written at a time


def formulas(mark: str = "") -> re.Pattern[str]:
    """Where a formula would begin, with a mark before it: at the start of a cell, and inside it.

    Spreadsheets of many countries separate cells by semicolons, whatever the file means, and to them a line
    break inside a cell begins a row.
    """
    sign = "=+\\-@\uff1d\uff0b\uff0d\uff20"  # in full width too
    return re.compile(rf"\A{mark}(?='*[{sign}\t\r\n])|(?<=[;\t\r\n]){mark}(?='*[{sign}])")


_CALCULATED = formulas()
_BEGINNINGS = frozenset("'=+-@\uff1d\uff0b\uff0d\uff20")


def harmless(text: str) -> str:
    """A cell that no spreadsheet calculates: an apostrophe before each thing that would begin a formula.

    An import removes exactly those: rows.bare().
    """
    return _CALCULATED.sub("'", text) if _may_be_calculated(text) else text


def _may_be_calculated(text: str) -> bool:
    """A quick look that misses nothing: of most cells it is all that is needed."""
    return bool(text) and (text[0] in _BEGINNINGS or ";" in text or not text.isprintable())


def _harmless_row(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(harmless, row)) if any(map(_may_be_calculated, row)) else row


def client_rows(clients: QuerySet[Client], keys: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    """The cells of each client: why and since when it is stopped, and the attributes with these keys."""
    against = Suppression.objects.against_client()
    found = clients.annotate(
        stop_reason=Subquery(against.values("reason")[:1]),
        stop_since=Subquery(against.values("created_at")[:1]),
    )
    fields = ("email", "full_name", "comment", "stop_reason", "stop_since", "attributes")
    for email, full_name, comment, reason, since, attributes in by_key(found, *fields):
        values = [written_value(attributes.get(key)) for key in keys]
        yield email, full_name, comment, reason or "", written(since), *values


def stop_rows(stops: QuerySet[Suppression]) -> Iterator[tuple[str, ...]]:
    for email, reason, since, until in by_key(stops, "email", "reason", "created_at", "until"):
        yield email, reason, written(since), written(until)


def opt_out_rows(opt_outs: QuerySet[OptOut]) -> Iterator[tuple[str, ...]]:
    """Who left which mailing or topic, and since when."""
    for email, mailing, group, since in by_key(
        opt_outs, "email", "mailing__name", "group__name", "created_at"
    ):
        yield email, mailing or group, written(since)


def consent_rows(consents: QuerySet[Consent]) -> Iterator[tuple[str, ...]]:
    """What clients agreed to, in which words, where and when."""
    fields = ("client__email", "kind", "wording", "wording_version", "source", "network")
    for *texts, given, confirmed in by_key(consents, *fields, "given_at", "confirmed_at"):
        yield *map(str, texts), written(given), written(confirmed)


def stream(rows: Iterable[tuple[str, ...]], *, columns: tuple[str, ...], kind: str) -> Iterator[bytes]:
    """The file, piece by piece; `kind` is one of FORMATS."""
    cells = map(_harmless_row, rows)
    return workbook(cells, columns) if kind == "xlsx" else _csv(cells, columns)


def _csv(rows: Iterable[tuple[str, ...]], columns: tuple[str, ...]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    source = iter(rows)
    while piece := text.getvalue():
        yield piece.encode()
        text.seek(0)
        text.truncate()
        writer.writerows(islice(source, _LINES))


def by_key(rows: QuerySet[Any], *fields: str, constant: str = "") -> Iterator[tuple[Any, ...]]:
    """All rows in key order, a few thousand at a time: no long transaction, no large result."""
    ordered = rows.order_by(*([constant] if constant else []), "pk").values_list("pk", *fields)
    last = 0
    while chunk := list(ordered.filter(pk__gt=last)[:_CHUNK]):
        for pk, *cells in chunk:
            if pk != last:  # a filter may find a row twice
                yield tuple(cells)
            last = pk


def written(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat() if moment else ""
