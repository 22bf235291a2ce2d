"""Dates in workbooks: numbers of days whose style makes them dates (ECMA-376 part 1, 18.8.30)."""

import re
from datetime import datetime, timedelta
from typing import Any

from mailer.audience.importing.xlsx_xml import local, new_parser, parse

_BUILT_IN = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_CODE = re.compile(r'"[^"]*"|\\.|_.|\[[^\[\]]*\]')


class DateStyles:
    """Which of a workbook's cell styles show dates; fed with the XML of its styles."""

    def __init__(self) -> None:
        self._parser: Any = new_parser()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._formats: set[str] = {str(number) for number in _BUILT_IN}
        self._dates: set[str] = set()
        self._inside, self._count = False, 0

    def feed(self, chunk: bytes) -> None:
        parse(self._parser, chunk)

    def is_date(self, style: str) -> bool:
        return style in self._dates

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = local(tag)
        if tag == "numFmt":
            code = _NOT_CODE.sub("", attributes.get("formatCode", "")).lower()
            shows = any(letter in code for letter in "ydh") or ("m" in code and "0" not in code)
            (self._formats.add if shows else self._formats.discard)(attributes.get("numFmtId", ""))
        elif tag == "cellXfs":
            self._inside = True
        elif tag == "xf" and self._inside:
            if attributes.get("numFmtId") in self._formats:
                self._dates.add(str(self._count))
            self._count += 1

    def _end(self, tag: str) -> None:
        if local(tag) == "cellXfs":
            self._inside = False


def as_date(text: str, *, dates_1904: bool) -> str:
    """“46173.5” as 2026-05-31 12:00:00; unchanged if it is not a possible number of days."""
    try:
        days = float(text)
        if dates_1904:
            moment = datetime(1904, 1, 1) + timedelta(days=days)
        else:  # Lotus 1-2-3, which began this, had a 29 February 1900
            moment = datetime(1899, 12, 30 if days >= 60 else 31) + timedelta(days=days)
    except (ValueError, OverflowError):
        return text
    if days < 1:
        return moment.strftime("%H:%M:%S")
    moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    return moment.date().isoformat() if moment.hour == moment.minute == moment.second == 0 else str(moment)
