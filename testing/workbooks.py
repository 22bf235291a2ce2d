"""Minimal workbooks for tests."""

import io
import zipfile
from collections.abc import Sequence

NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
WORKBOOK = f"""<workbook {NS} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<sheets>%s</sheets></workbook>"""
RELS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Target="/xl/worksheets/other.xml"/></Relationships>"""
STYLES = f"""<styleSheet {NS}><numFmts><numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy"/></numFmts>
<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>"""
FIRST = '<sheet name="A" sheetId="1" r:id="rId1"/>'


def workbook(rows: str, *, strings: Sequence[str] = (), sheets: str = FIRST, **parts: str | bytes) -> bytes:
    """A file whose sheet holds these `<row>`s; `parts`: further ones by name, "_" for "/" and "." ."""
    shared = "".join(f"<si>{text}</si>" for text in strings)
    held: dict[str, str | bytes] = {
        "xl/workbook.xml": WORKBOOK % sheets,
        "xl/_rels/workbook.xml.rels": RELS,
        "xl/worksheets/sheet1.xml": f"<worksheet {NS}><sheetData>{rows}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {NS}>{shared}</sst>",
        "xl/styles.xml": STYLES,
        **{f"xl/worksheets/{name}.xml": part for name, part in parts.items()},
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in held.items():
            archive.writestr(name, part)
    return file.getvalue()


def inline(*texts: str) -> str:
    return "<row>" + "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts) + "</row>"
