"""Clients and the stop-list as files, which an import reads as they were."""

import csv
import io
import zipfile
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model

from mailer.audience.exporting import CLIENT_COLUMNS, client_rows, harmless, stream
from mailer.audience.exporting import xlsx as xlsx_out
from mailer.audience.importing import import_clients
from mailer.audience.importing.rows import bare
from mailer.audience.importing.xlsx import Workbook
from mailer.models import Client, ClientGroup, Suppression
from people.models import AuditEntry
from testing.factories import ClientFactory, UserFactory

pytestmark = pytest.mark.django_db
KINDS = ["csv", "xlsx"]


def content(answer):
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def table(data, kind):
    if kind == "xlsx":
        return [record.cells for record in Workbook(io.BytesIO(data)).records()]
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


NASTY = [
    ("plain@example.org", "Ann Lee", ""),
    ("=1+1@example.org", "=cmd|' /C calc'!A0", "+7 900"),
    ("q@example.org", "'=Ann", "''+x"),
    ("c@example.org", 'Quote " and, comma; <b>&amp;</b>', "line 1\nline 2\r\nline 3"),
    ("r@example.org", "Анна Ли", "_x000D_ stays _x0041_"),
    ("m@example.org", "- dash", "@home"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_import_of_an_export_is_what_it_was(owner, kind):
    for email, name, comment in NASTY:
        Client.objects.create(owner=owner, email=email, full_name=name, comment=comment)
    since = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    stop = Suppression.objects.create(owner=owner, email="Q@example.org", reason="bounced")
    Suppression.objects.filter(pk=stop.pk).update(created_at=since)
    file = b"".join(stream(client_rows(Client.objects.all()), columns=CLIENT_COLUMNS, kind=kind))
    other = UserFactory()
    imported = import_clients(io.BytesIO(file), owner=other)
    assert (imported.created, imported.refused, imported.unused) == (len(NASTY), 0, [])
    found = Client.objects.owned_by(other).values_list("email", "full_name", "comment")
    assert sorted(found) == sorted(NASTY)
    assert list(Suppression.objects.owned_by(other).values_list("email", "reason", "created_at")) == [
        ("q@example.org", "bounced", since)
    ]


@pytest.mark.parametrize(
    "cell", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\uff1d1", "'=1", "''@x", "x", "'x", "", "'"]
)
def test_what_a_spreadsheet_would_calculate_is_quoted_and_back(cell):
    assert harmless(cell)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d")
    assert bare(harmless(cell)) == cell
    assert (harmless(cell) == cell) == (cell in ("x", "'x", "", "'"))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("Ann;=cmd|' /C calc'!A0", "Ann;'=cmd|' /C calc'!A0"),
        ("Ann\n@SUM(1)", "Ann\n'@SUM(1)"),
        ("a;'=1;''+1;b", "a;''=1;'''+1;b"),
        ("\t=1", "'\t'=1"),
        ("5; -3 = 2", "5; -3 = 2"),
        ("a;'b", "a;'b"),
    ],
)
def test_so_is_what_one_that_separates_cells_by_semicolons_would(cell, written):
    assert harmless(cell) == written
    assert bare(written) == cell


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_as_it_is_filtered(owner, stranger, browser, kind):
    ClientFactory(owner=owner, email="anna@example.org", full_name="Anna")
    ClientFactory(owner=owner, email="boris@example.org", full_name="Boris")
    ClientFactory(owner=stranger, email="anna@example.net", full_name="Anna")
    Suppression.objects.create(owner=owner, email="anna@example.org", reason="complained")
    answer = browser.get(f"/clients/export/?q=anna&format={kind}")
    assert answer["Content-Disposition"].endswith(f'.{kind}"')
    head, *rows = table(content(answer), kind)
    assert head == ["email", "full_name", "comment", "stop_list", "stop_list_since"]
    assert [row[:4] for row in rows] == [["anna@example.org", "Anna", "", "complained"]]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.detail) == (owner.email, "clients_exported", "clients")


@pytest.mark.parametrize("query", ["group=999999", "group=x", "suppressed=maybe"])
def test_a_filter_that_is_not_valid_exports_nobody(owner, browser, query):
    ClientFactory(owner=owner)
    assert len(table(content(browser.get(f"/clients/export/?{query}")), "csv")) == 1


def test_a_format_that_there_is_not(browser):
    assert browser.get("/clients/export/?format=exe").status_code == 404


def test_a_group(owner, stranger, browser):
    group = ClientGroup.objects.create(owner=owner, name="Fair")
    group.clients.add(ClientFactory(owner=owner, email="in@example.org", full_name="In"))
    ClientFactory(owner=owner)
    rows = table(content(browser.get(f"/groups/{group.pk}/export/")), "csv")
    assert [row[0] for row in rows] == ["email", "in@example.org"]
    theirs = ClientGroup.objects.create(owner=stranger, name="Fair")
    assert browser.get(f"/groups/{theirs.pk}/export/").status_code == 404


def test_more_rows_than_are_read_at_once(owner, browser, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr("mailer.audience.exporting._CHUNK", 2)
    monkeypatch.setattr("mailer.audience.exporting._LINES", 2)
    ClientFactory.create_batch(5, owner=owner)
    rows = table(content(browser.get("/clients/export/")), "csv")
    emails = list(Client.objects.order_by("pk").values_list("email", flat=True))
    assert [row[0] for row in rows[1:]] == emails


def test_more_rows_than_a_sheet_holds(monkeypatch):
    monkeypatch.setattr(xlsx_out, "ROWS_IN_SHEET", 3)
    monkeypatch.setattr(xlsx_out, "_LINES", 2)
    data = b"".join(xlsx_out.workbook(((str(n),) for n in range(5)), ("head",)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        sheets = [name for name in archive.namelist() if "sheet" in name]
        assert len(sheets) == 3
        text = [archive.read(name).decode() for name in sheets]
    assert [part.count("<row>") for part in text] == [3, 3, 2]
    assert table(data, "xlsx") == [["head"], ["0"], ["1"]]


def test_an_empty_list_is_a_file_with_a_heading(browser):
    for kind in KINDS:
        assert len(table(content(browser.get(f"/clients/export/?format={kind}")), kind)) == 1


def test_the_stop_list_goes_out_and_comes_in(owner, browser):
    for email, reason in (("=a@example.org", "added"), ("b@example.org", "unsubscribed")):
        Suppression.objects.create(owner=owner, email=email, reason=reason)
    rows = table(content(browser.get("/clients/stop-list/export/?reason=unsubscribed")), "csv")
    assert [row[:2] for row in rows] == [["email", "reason"], ["b@example.org", "unsubscribed"]]
    before = set(Suppression.objects.values_list("email", "reason", "created_at"))
    file = content(browser.get("/clients/stop-list/export/?format=xlsx"))
    Suppression.objects.all().delete()
    import_clients(io.BytesIO(file), owner=owner)
    assert set(Suppression.objects.values_list("email", "reason", "created_at")) == before
    assert not Client.objects.exists()


def test_managers_have_no_clients_to_export(manager, client_of):
    assert client_of(manager).get("/clients/export/").status_code == 403
    assert get_user_model().objects.count() == 1
