"""Clients from a CSV file, by the command."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from mailer.audience import importing
from mailer.audience.importing import CannotRead, Refused, import_clients, sql
from mailer.models import Client, ClientGroup
from site_config.shutdown import STOPPING
from testing.factories import ClientFactory, ClientGroupFactory

pytestmark = pytest.mark.django_db

ANNA, BORIS = ("anna@example.org", "Anna Petrova", "from the fair"), ("boris@example.org", "Борис", "")


def clients(owner):
    return list(Client.objects.owned_by(owner).order_by("pk").values_list("email", "full_name", "comment"))


def load(text, owner, **how):
    data = text if isinstance(text, bytes) else text.encode()
    return import_clients(io.BytesIO(data), owner=owner, **how)


PLAIN = "email,full_name,comment\nanna@example.org,Anna Petrova,from the fair\nboris@example.org,Борис,\n"
SPELLINGS = {
    "plain": PLAIN,
    "byte order mark": "\ufeff" + PLAIN,
    "UTF-16": PLAIN.encode("utf-16"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "no end of line": PLAIN.rstrip("\n"),
    "empty lines": PLAIN.replace("\n", "\n\n , ,\n"),
    "other order": "Comment,E-Mail,Name\n"
    "from the fair,anna@example.org,Anna Petrova\n,boris@example.org,Борис\n",
    "two names": "Email Address,First Name,Last Name,Notes\n"
    "anna@example.org,Anna,Petrova,from the fair\nboris@example.org,Борис,,\n",
    "a name and a surname": "Имя;Фамилия;Почта;Комментарий\n"
    "Anna;Petrova;anna@example.org;from the fair\nБорис;;boris@example.org;\n",
    "a whole name and its parts": "Name,First Name,Surname,Email,Comment\n"
    "Anna Petrova,Anna,Petrova,anna@example.org,from the fair\nБорис,,,boris@example.org,\n",
    "a whole name and a surname": "Name,Surname,Email,Comment\n"
    "Anna Petrova,Petrova,anna@example.org,from the fair\nБорис,,boris@example.org,\n",
    "Russian": "Почта;ФИО;Комментарий\n"
    "anna@example.org;Anna Petrova;from the fair\nboris@example.org;Борис;\n",
    "quotes and gaps": '"email","full_name","comment"\n'
    '"anna@example.org","Anna\n  Petrova"," from the fair "\nboris@EXAMPLE.org,Борис\n',
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_whatever_a_spreadsheet_makes_of_it(owner, text):
    imported = load(text, owner)
    assert clients(owner) == [ANNA, BORIS]
    assert (imported.created, imported.changed, imported.unchanged, imported.refused) == (2, 0, 0, 0)


@pytest.mark.parametrize("encoding", ["", "cp1251"])
def test_another_encoding_is_found_out_or_named(owner, encoding):
    assert load(PLAIN.encode("cp1251"), owner, encoding=encoding).created == 2
    assert clients(owner) == [ANNA, BORIS]


def test_an_encoding_that_is_not_the_file_s_is_told_line_by_line(owner):
    imported = load(PLAIN.encode("cp1251"), owner, encoding="utf-8")
    assert clients(owner) == [ANNA]
    assert [refused.why for refused in imported.examples] == [
        "It contains bytes that are not valid in UTF-8."
    ]


def test_who_is_there_already_is_changed_and_never_emptied(owner, stranger):
    ClientFactory(owner=owner, email="Anna@example.org", full_name="A.", comment="kept")
    ClientFactory(owner=owner, email="boris@example.org", full_name="Борис", comment="")
    ClientFactory(owner=stranger, email="anna@example.org", full_name="Other")
    text = PLAIN.replace("from the fair", "")
    imported = load(text, owner)
    assert (imported.created, imported.changed, imported.unchanged) == (0, 1, 1)
    assert clients(owner) == [("Anna@example.org", "Anna Petrova", "kept"), BORIS]
    assert clients(stranger)[0][1] == "Other"
    again = load(text, owner)
    assert (again.created, again.changed, again.unchanged) == (0, 0, 2)


def test_one_address_twice_is_one_client_and_the_last_line_counts(owner):
    imported = load("email,name\nanna@example.org,A\nANNA@example.org,\nAnna@Example.org,Anna\n", owner)
    assert clients(owner) == [("anna@example.org", "Anna", "")]
    assert (imported.created, imported.changed, imported.repeated, imported.lines) == (1, 0, 2, 3)


def test_a_line_that_cannot_be_taken_is_told_and_the_others_are_in(owner):
    text = (
        "email,name,comment\nanna@example.org,Anna Petrova,from the fair\nnobody,N,\n,No address,\n"
        f"long@example.org,{'x' * 151},\nnull@example.org,N\0,\n"
        '"a@example.org\r\nBcc: b@example.org",Evil,\n<script>@example.org,S,\nboris@example.org,Борис,\n'
    )
    imported = load(text, owner)
    assert clients(owner) == [ANNA, BORIS]
    assert imported.examples == [
        Refused(3, "nobody", "Enter a valid email address."),
        Refused(4, "", "There is no address in this line."),
        Refused(5, "long@example.org", "Ensure this value has at most 150 characters (it has 151)."),
        Refused(6, "null@example.org", "Null characters are not allowed."),
        Refused(8, "a@example.org\ufffd\ufffdBcc: b@example.org", "Enter a valid email address."),
        Refused(9, "<script>@example.org", "“<” is not allowed in an address."),
    ]
    assert imported.refused == 6


def test_what_databases_and_forms_would_trip_over_is_refused(owner):
    imported = load(
        f"email,comment\n\uff49van@example.org,\ni\u00advan@example.org,\nc@example.org,{'x' * 2001}\n", owner
    )
    assert [refused.why for refused in imported.examples] == [
        "“ｉ” is not allowed in an address.",
        "There is an invisible character inside the address. Retype it instead of pasting it.",
        "Ensure this value has at most 2000 characters (it has 2001).",
    ]


def test_a_group_that_goes_away_meanwhile_is_told(owner, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 2)
    with pytest.raises(IntegrityError):
        load(
            "email\n" + "".join(f"c{n}@example.org\n" for n in range(5)),
            owner,
            group="Fair",
            on_progress=ClientGroup.objects.all().delete,
        )
    assert Client.objects.count() == 2


def test_no_more_refused_lines_are_remembered_than_people_read(owner, monkeypatch):
    monkeypatch.setattr(importing, "EXAMPLES", 2)
    imported = load("email\n" + "nobody\n" * 5, owner)
    assert (imported.refused, len(imported.examples)) == (5, 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "It is empty."),
        ("\n\n", "It is empty."),
        ("name,phone\nAnna,1\n", "Its first line has no column “email”, only “name”, “phone”."),
        ("Anna\nBoris\n", "Its first line has no column “email”, only “Anna”."),
        ("x" * 200_000, "The first line cannot be used. This line is too long: over 100000 characters."),
        (
            ",".join(f"c{n}" for n in range(500)) + "\n",
            "The first line cannot be used. This line has more than 200 columns.",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "It can be read neither as text nor as a workbook."),
        (b"%PDF-1.7\n" + bytes(range(256)) * 9, "It can be read neither as text nor as a workbook."),
        (b"PK\x03\x04\x14\x00\x06\x00", "This workbook cannot be read: the file is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "It is an old workbook (.xls)"),
        (b"\xff\xfe\x00", "It is empty."),
    ],
)
def test_what_is_no_list_of_clients_changes_nothing(owner, text, why):
    with pytest.raises(CannotRead) as error:
        load(text, owner, group="New")
    assert str(error.value).startswith(why)
    assert not Client.objects.exists()
    assert not ClientGroup.objects.exists()


def test_into_a_group_that_is_there_or_is_made(owner, stranger):
    fair = ClientGroupFactory(owner=owner, name="Fair")
    ClientGroupFactory(owner=stranger, name="New")
    ClientFactory(owner=owner, email="anna@example.org")
    load(PLAIN, owner, group=" fair ")
    load(PLAIN, owner, group="New")
    load(PLAIN, owner, group="new")
    assert [group.name for group in ClientGroup.objects.owned_by(owner)] == ["Fair", "New"]
    for group in (fair, ClientGroup.objects.owned_by(owner).get(name="New")):
        assert set(group.clients.values_list("email", flat=True)) == {ANNA[0], BORIS[0]}


def test_a_stop_is_heard_between_two_batches_and_the_next_call_goes_on(owner, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 2)
    text = "email\n" + "".join(f"c{n}@example.org\n" for n in range(5))
    stopped = load(text, owner, on_progress=STOPPING.set)
    assert (stopped.created, stopped.stopped) == (2, True)
    STOPPING.clear()
    again = load(text, owner)
    assert (again.created, again.unchanged, again.stopped, Client.objects.count()) == (3, 2, False, 5)


def test_a_batch_takes_as_many_queries_whatever_is_in_it(owner):
    def queries(lines):
        text = "email,name\n" + "".join(f"c{n}@example.org,N\n" for n in range(lines))
        with CaptureQueriesContext(connection) as taken:
            load(text, owner)
        return len(taken)

    assert queries(1) == queries(100) <= 10  # one of them asks who was forgotten


def test_the_command_says_what_became_of_the_file(owner, tmp_path, capsys):
    path = tmp_path / "clients.csv"
    path.write_text("email,name,phone\nanna@example.org,Anna,1\nnobody\x1b[2J,N,2\n")
    with pytest.raises(CommandError, match="1 of 2 lines were refused; the others are in"):
        call_command("import_clients", str(path), owner="OWNER@example.com", group="Fair")
    said = capsys.readouterr()
    assert (
        said.out
        == "2 lines: 1 new clients, 0 changed, 0 as they were, 0 repeated, 1 refused.\nNot used: phone.\n"
    )
    assert "line 3: “nobody\ufffd[2J”: Enter a valid email address." in said.err
    path.write_text("email\nanna@example.org\n")
    call_command("import_clients", str(path), owner=owner.email)
    assert (
        capsys.readouterr().out
        == "1 lines: 0 new clients, 0 changed, 1 as they were, 0 repeated, 0 refused.\n"
    )
    assert ClientGroup.objects.get().clients.get().email == "anna@example.org"


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"owner": "nobody@example.com"}, "There is no user nobody@example.com."),
        ({"map": ["name"]}, "--map must look like COLUMN=MEANING, not “name”"),
        ({"map": ["name=klingon"]}, "--map must look like COLUMN=MEANING, not “name=klingon”"),
        ({"map": ["town=comment"]}, "It has no column “town”."),
        ({"map": ["email=unused"]}, "Its first line has no column “email”"),
        ({"encoding": "klingon"}, "There is no encoding klingon."),
        ({"encoding": "base64"}, "There is no encoding base64."),
        ({"group": "x" * 101}, "at most 100 characters"),
        ({"group": "a\nb"}, "No group can be called"),
        ({"file": "missing.csv"}, "missing.csv cannot be read: No such file or directory."),
        ({"file": "."}, "cannot be read: Is a directory."),
        ({"file": "empty.csv"}, "empty.csv was not imported. It is empty."),
    ],
)
def test_the_command_meets_mistakes_with_a_line(owner, tmp_path, how, why):
    (tmp_path / "clients.csv").write_text(PLAIN)
    (tmp_path / "empty.csv").touch()
    file = tmp_path / how.pop("file", "clients.csv")
    with pytest.raises(CommandError) as error:
        call_command("import_clients", str(file), **{"owner": owner.email, **how})
    assert why in str(error.value)
    assert not Client.objects.exists()


def test_a_batch_goes_to_each_client_by_its_key(owner):
    """Whatever the planner believes of the tables, which are empty when a list begins to come in."""
    sqlite = connection.vendor == "sqlite"
    load("email\na@example.org\n", owner)
    values = {"owner": owner.pk, "group": 1}
    with connection.cursor() as cursor:
        if not sqlite:
            cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
            cursor.execute("SET LOCAL enable_seqscan = off")  # there is one row
        statement = sql.MEMBERS
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {statement}", values)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    if sqlite:
        assert "(owner_id=? AND address_key=?)" in plan
    else:
        assert "mailer_client_address_unique" in plan
        assert "((address_key)::text = i.key)" in plan, plan
