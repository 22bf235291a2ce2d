"""Write an Excel workbook (ECMA-376) row by row, each part as soon as it is done."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from zipfile import ZIP_DEFLATED, ZipFile

ROWS_IN_SHEET = 1_048_576  # the most a sheet can hold
_LINES = 500  # rows written at a time
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\r\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class _Pipe:
    """A zip file's target: it cannot seek, and what was written can be taken out."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def workbook(rows: Iterable[tuple[str, ...]], columns: tuple[str, ...]) -> Iterator[bytes]:
    """The file, piece by piece: each sheet begins with the column names; all cells are text."""
    pipe = _Pipe()
    source = iter(rows)
    sheets = 0
    with ZipFile(pipe, "w", ZIP_DEFLATED, compresslevel=1) as archive:  # type: ignore[call-overload]  # writes only
        row = next(source, None)
        while row is not None or not sheets:
            sheets += 1
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                sheet.write(f"{_HEAD}<worksheet {_MAIN}><sheetData>{_row(columns)}".encode())
                room = ROWS_IN_SHEET - 1
                while row is not None and room:
                    lines = [row, *islice(source, min(_LINES, room) - 1)]
                    room -= len(lines)
                    sheet.write("".join(map(_row, lines)).encode())
                    yield pipe.take()
                    row = next(source, None)
                sheet.write(b"</sheetData></worksheet>")
        for name, text in _frame(sheets).items():
            archive.writestr(name, _HEAD + text)
    yield pipe.take()


def _row(cells: tuple[str, ...]) -> str:
    inner = "".join(
        f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' if cell else "<c/>"
        for cell in cells
    )
    return f"<row>{inner}</row>"


def escape(text: str) -> str:
    """A text as an XML cell holds it; what XML cannot hold as Excel writes it: _x000D_."""
    return _NOT_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", text).translate(_MARKUP)


def _frame(sheets: int) -> dict[str, str]:
    """The parts that make sheets a workbook."""
    numbers = range(1, sheets + 1)
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for n in numbers
    )
    listed = "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    relations = f'<Relationships xmlns="{_PACKAGE}/relationships">'
    return {
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"{relations}{related}</Relationships>",
        "_rels/.rels": f'{relations}<Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{_TYPE}.sheet.main+xml"/>{parts}</Types>',
    }
