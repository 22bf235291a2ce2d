"""The texts that a workbook's cells share, kept in a file: there may be millions of them."""

import re
import tempfile
from array import array
from collections.abc import Iterator
from typing import Any

from mailer.audience.importing.records import LONGEST_LINE
from mailer.audience.importing.xlsx_xml import local, new_parser, parse

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_RECENT = 20_000  # texts in memory: names of towns and the like are in many cells


class SharedStrings:
    """Texts by number, read from the workbook only as far as needed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed with this object)
        self._ends = array("Q", [0])
        self._size = 0
        self._recent: dict[int, str] = {}
        self._text: list[str] = []
        self._length = 0
        self._new: list[bytes] = []
        self._parser: Any = new_parser()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def close(self) -> None:
        self._file.close()

    def __getitem__(self, number: int) -> str:
        """The text of this number; empty if there is none."""
        found = self._recent.get(number)
        if found is not None:
            return found
        while number >= len(self._ends) - 1:
            if not self._read_on():
                return ""
        begin, end = self._ends[number], self._ends[number + 1]
        self._file.seek(begin)
        text = self._file.read(end - begin).decode(errors="replace")
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[number] = text
        return text

    def _read_on(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        parse(self._parser, chunk)
        if self._new:
            self._file.seek(0, 2)
            self._file.write(b"".join(self._new))
            self._new = []
        return True

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        tag = local(tag)
        if tag == "si":
            self._text, self._length = [], 0
        elif tag == "t":
            self._parser.CharacterDataHandler = self._letters
        elif tag == "rPh":  # phonetic guides: their text is not the cell's
            self._parser.StartElementHandler = None

    def _letters(self, text: str) -> None:
        self._length += len(text)
        if self._length <= LONGEST_LINE:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        tag = local(tag)
        if tag == "t":
            self._parser.CharacterDataHandler = None
        elif tag == "rPh":
            self._parser.StartElementHandler = self._start
        elif tag == "si":
            data = unescape("".join(self._text)).strip().encode(errors="replace")
            self._size += len(data)
            self._ends.append(self._size)
            self._new.append(data)


def unescape(text: str) -> str:
    """A text with the characters that XML cannot hold, which Excel writes as _x000D_."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text
