"""Address cards and workbooks, which no line of text is."""

import io
import zipfile

import pytest

from mailer.audience.importing import CannotRead
from mailer.audience.importing.xlsx import Workbook
from testing.imports import REFUSED, ann, read
from testing.workbooks import NS, inline, workbook

VCARD = """BEGIN:VCARD
VERSION:3.0
N:Lee;Ann;;;
FN:Ann Lee
EMAIL;TYPE=INTERNET;TYPE=WORK:ann.work@exam
 ple.org
item1.EMAIL;TYPE=INTERNET,PREF:ann@example.org
NOTE:one\\ntwo\\, 2
END:VCARD
BEGIN:VCARD
VERSION:4.0
N:Ray;Bob;M.;;
EMAIL:mailto:bob@example.org
PHOTO;ENCODING=b:AAAA
 BBBB
END:VCARD
BEGIN:VCARD
VERSION:2.1
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=90=D0=BD=D0=BD=
=D0=B0
EMAIL:anna@example.org
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Nobody
END:VCARD
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cards(end):
    assert read(VCARD.replace("\n", end)) == [
        ann(comment="one\ntwo, 2"),
        ann("bob@example.org", "Bob M. Ray"),
        ann("anna@example.org", "Анна"),
        (REFUSED, 26, "There is no address in this line."),
    ]


def test_a_workbook_of_every_kind_of_cell():
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c>'
        '<c r="D1" t="inlineStr"><is><t>unsub_time</t></is></c></row>'
        '<row r="3"><c r="A3" t="s"><v>3</v></c><c r="B3" t="str"><f>CONCAT(1)</f><v>Ann Lee</v></c>'
        '<c r="C3" t="n"><v>5</v></c></row>'
        '<row r="4"><c r="A4" t="inlineStr"><is><r><t>b@exam</t></r><r><t>ple.org</t></r></is></c>'
        '<c r="C4" t="b"><v>1</v></c><c r="D4" s="1"><v>45418</v></c></row>'
        '<row r="5"><c r="A5" t="s"><v>4</v></c><c r="B5"><f>1+1</f></c></row>'
        '<row r="6"><c r="A6"/><c r="B6"/></row>'
        '<row r="7"><c r="C7" s="2"><v>45418.5</v></c></row>'
    )
    strings = (
        "<t>Email</t>",
        "<t>Name</t>",
        "<t>Comment</t>",
        "<r><t>ann@</t></r><r><t>example.org</t></r><rPh><t>x</t></rPh>",
        "<t>c@example.org_x000D_</t>",
    )
    assert read(workbook(rows, strings=strings)) == [
        ann(comment="5"),
        ("b@example.org", "", "true", "unsubscribed"),
        ann("c@example.org", "=1+1"),
        (REFUSED, 7, "There is no address in this line."),
    ]


def test_dates_of_a_workbook_are_dates():
    rows = (
        "<row><c s='1'><v>45418</v></c><c s='2'><v>45418.75</v></c><c><v>45418</v></c>"
        "<c s='1'><v>x</v></c></row>"
    )
    (record,) = Workbook(io.BytesIO(workbook(rows))).records()
    assert record.cells == ["2024-05-06", "2024-05-06 18:00:00", "45418", "x"]


def test_the_first_sheet_that_is_seen():
    sheets = (
        '<sheet name="H" sheetId="2" state="hidden" r:id="rId1"/><sheet name="B" sheetId="3" r:id="rId2"/>'
    )
    other = f"<worksheet {NS}><sheetData>{inline('email')}{inline('ann@example.org')}</sheetData></worksheet>"
    assert read(workbook(inline("hidden@example.org"), sheets=sheets, other=other)) == [ann(name="")]


BOMB = b"<worksheet><sheetData>" + b" " * (9 << 20)


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'


def no_workbook():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("clients.csv", "email\n")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (workbook(""), "It is empty."),
        (workbook("<row>"), "This workbook cannot be read: the file is damaged"),
        (workbook(inline("a@example.org"))[:-60], "This workbook cannot be read: the file is damaged"),
        (workbook("", sheet1=ENTITIES), "This workbook contains XML that no spreadsheet program writes."),
        (no_workbook(), "It is a zip file, not an Excel workbook."),
        (workbook(inline(*(f"c{n}" for n in range(500)))), "The first line cannot be used."),
    ],
)
def test_a_workbook_that_is_none(data, why):
    with pytest.raises(CannotRead) as error:
        read(data)
    assert str(error.value).startswith(why)


def test_a_zip_bomb_is_given_up_as_it_is_unpacked(monkeypatch):
    monkeypatch.setattr("mailer.audience.importing.xlsx.LARGEST_PART", 8 << 20)
    data = workbook("", sheet1=BOMB)
    assert len(data) < 20_000
    with pytest.raises(CannotRead, match="too large once unpacked"):
        read(data)


def test_a_row_of_a_million_cells_is_told():
    wide = (
        "<row><c t='inlineStr'><is><t>b@example.org</t></is></c>" + "<c><v>1</v></c>" * 1_000_000 + "</row>"
    )
    data = workbook(inline("email") + wide + inline("ann@example.org"))
    assert read(data) == [(REFUSED, 2, "This line has more than 200 columns."), ann(name="")]
