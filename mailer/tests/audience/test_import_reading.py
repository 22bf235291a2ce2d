"""What files of other programs are read as: encodings, delimiters, headings, columns, statuses."""

import io
from datetime import UTC, datetime

import pytest

from mailer.audience.importing import import_clients
from mailer.audience.importing.layout import detect, records
from mailer.audience.importing.rows import RowReader
from mailer.audience.importing.stops import moment
from mailer.models import Client, Suppression
from testing.imports import REFUSED, ann, read

PROGRAMS = {
    "Outlook": "First Name,Middle Name,Last Name,E-mail Address,Notes\r\nAnn,,Lee,ann@example.org,x\r\n",
    "Outlook, older": '"Title","First Name","Middle Name","Last Name","E-mail Address","E-mail Type",'
    '"E-mail 2 Address","Notes"\r\n"","Ann","","Lee","ann@example.org","SMTP","","x"\r\n',
    "Outlook, Russian": '"Имя";"Отчество";"Фамилия";"Адрес эл. почты";"Заметки"\r\n'
    '"Ann";"";"Lee";"ann@example.org";"x"\r\n',
    "Outlook, German": "Vorname;Nachname;E-Mail-Adresse;Notizen\nAnn;Lee;ann@example.org;x\n",
    "Google Contacts": "First Name,Middle Name,Last Name,E-mail 1 - Label,E-mail 1 - Value,Notes\n"
    "Ann,,Lee,Work,ann@example.org,x\n",
    "Google Contacts, older": "Name,Given Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,Notes\n"
    "Ann Lee,Ann,Lee,* Home,ann@example.org,x\n",
    "Thunderbird": "First Name,Last Name,Display Name,Primary Email,Secondary Email,Notes\n"
    "Ann,Lee,Ann Lee,ann@example.org,,x\n",
    "MailerLite": "Subscriber,Sent,Opens,Clicks,Subscribed,Name,Last name,Comment\n"
    "ann@example.org,3,1,0,2024-01-02 10:00:00,Ann,Lee,x\n",
    "Bitrix24": '"Имя";"Фамилия";"Рабочий e-mail";"Частный e-mail";"Комментарий"\n'
    '"Ann";"Lee";"ann@example.org";"";"x"\n',
    "Bitrix24, English": "First name;Last name;Work E-mail;Home E-mail;Comment\nAnn;Lee;ann@example.org;;x\n",
    "Mautic": '"id","title","firstname","lastname","company","email","notes"\n'
    '"1","Ms","Ann","Lee","ACME","ann@example.org","x"\n',
    "Brevo": "EMAIL;LASTNAME;FIRSTNAME;NOTE\nann@example.org;Lee;Ann;x\n",
    "Mailchimp": "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,NOTES\n"
    "ann@example.org,Ann,Lee,2,2024-01-02 10:00:00,x\n",
    "HubSpot": "Record ID,First Name,Last Name,Email,Unsubscribed from all email,Notes\n"
    "1,Ann,Lee,ann@example.org,,x\n",
    "Sendy": '"Name","Email","Comment"\n"Ann Lee","ann@example.org","x"\n',
    "Substack": "email,active_subscription,expiry,plan,email_disabled,created_at,name,comment\n"
    "ann@example.org,false,,other,false,2024-01-02T10:00:00Z,Ann Lee,x\n",
    "UniSender": "email;email_status;email_availability;Name;Comment\n"
    "ann@example.org;active;available;Ann Lee;x\n",
    "SendPulse": "Email,Status,Name,Comment\nann@example.org,Active,Ann Lee,x\n",
    "1C": "Код;Наименование;Адрес электронной почты;Комментарий\n0001;Ann Lee;ann@example.org;x\n",
    "1C, attributes": "Код\tНаименованиеПолное\tАдресЭП\tКомментарий\nb\tAnn Lee\tann@example.org\tx\n",
    "listmonk": "uuid,email,name,attributes,status,notes\n1,ann@example.org,Ann Lee,{},enabled,x\n",
    "Keila": "Email,First name,Last name,Data,Status,External ID,Comment\n"
    "ann@example.org,Ann,Lee,,active,,x\n",
    "Ghost": "id,email,name,note,subscribed_to_emails\n5f,ann@example.org,Ann Lee,x,true\n",
    "Excel's sep=": "sep=;\r\nemail;name;comment\r\nann@example.org;Ann Lee;x\r\n",
    "sep= in quotation marks": '"sep=|"\nemail|name|comment\nann@example.org|Ann Lee|x\n',
    "sep= and a tabulator": "sep=\t\nemail\tname\tcomment\nann@example.org\tAnn Lee\tx\n",
    "an empty first line": "\r\n\r\nemail;name;comment\r\nann@example.org;Ann Lee;x\r\n",
    "a first line of delimiters": ";;\r\nemail;name;comment\r\nann@example.org;Ann Lee;x\r\n",
    "a title above": "Contacts of May\n\nemail;name;comment\nann@example.org;Ann Lee;x\n",
    "no heading": "ann@example.org\n",
    "no heading, a name first": "Ann Lee;ann@example.org\n",
    "an unknown heading": "Kunde,Anschrift,Ort\n1,ann@example.org,Bonn\n",
    "an address with its name": "email,comment\nAnn Lee <ann@example.org>,x\n",
    "a link": "email,name,comment\nmailto:ann@example.org,Ann Lee,x\n",
    "a byte order mark": "\ufeffemail,name,comment\nann@example.org,Ann Lee,x\n",
    "lone CR": "email,name,comment\rann@example.org,Ann Lee,x\r",
}
ONLY_ADDRESS = {"no heading", "no heading, a name first", "an unknown heading"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_other_programs_write(program):
    wanted = ann(name="", comment="") if program in ONLY_ADDRESS else ann(comment="x")
    assert read(PROGRAMS[program]) == [wanted]


@pytest.mark.parametrize(
    ("heading", "cells", "name"),
    [
        ("Имя;Отчество;Фамилия;Почта", "Анна;Петровна;Ли;ann@example.org", "Анна Петровна Ли"),
        ("Имя;Отчество;Почта", "Анна;Петровна;ann@example.org", "Анна Петровна"),
        ("First Name;Middle Name;Last Name;Email", "Ann;M.;Lee;ann@example.org", "Ann M. Lee"),
        ("Name;Surname;Email", "Ann;Lee;ann@example.org", "Ann Lee"),
        ("Name;Surname;Email", "Ann Lee;Lee;ann@example.org", "Ann Lee"),
        ("Display Name;First Name;Last Name;Email", ";Ann;Lee;ann@example.org", "Ann Lee"),
    ],
)
def test_the_parts_of_a_name_are_joined(heading, cells, name):
    assert read(f"{heading}\n{cells}\n") == [ann(name=name)]


def test_of_several_addresses_the_first_is_taken_and_the_others_are_told():
    data = "Name,Email,Work email,Other email\nAnn Lee,,ann@example.org,a2@example.org\n"
    assert read(data) == [ann()]
    row = _only_row(data)
    assert row.further == ("a2@example.org",)
    assert _only_row("email\na@example.org ::: b@example.org\n").further == ("b@example.org",)
    assert _only_row("email\na@example.org; A@example.org\n").further == ()


def _only_row(data):
    file = io.BytesIO(data.encode())
    layout = detect(file)
    (record,) = records(file, layout)
    return RowReader(layout.meanings).read(record)


LEFT, BOUNCED, COMPLAINED = "unsubscribed", "bounced", "complained"
STATUSES = [
    ("status", "unsubscribed", LEFT),
    ("Status", "Unsubscribed", LEFT),
    ("Status", "Bounced", BOUNCED),
    ("Status", "cleaned", BOUNCED),
    ("Status", "Marked as spam", COMPLAINED),
    ("Status", "complained", COMPLAINED),
    ("Status", "Junk", COMPLAINED),
    ("status", "blocklisted", LEFT),
    ("status", "disabled", LEFT),
    ("status", "unreachable", BOUNCED),
    ("subscription_status", "opted-out", LEFT),
    ("Статус", "Отписан", LEFT),
    ("email_status", "unsubscribed", LEFT),
    ("email_availability", "unreachable", BOUNCED),
    ("subscribed_to_emails", "false", LEFT),
    ("Subscribed", "no", LEFT),
    ("Accepts Email Marketing", "no", LEFT),
    ("email_disabled", "true", LEFT),
    ("Unsubscribed from all email", "true", LEFT),
    ("Email opt out", "1", LEFT),
    ("BLOCKLISTED", "yes", LEFT),
    ("UNSUB_TIME", "2024-05-06 07:08:09", LEFT),
    ("CLEAN_TIME", "2024-05-06 07:08:09", BOUNCED),
    ("Email hard bounce reason", "UNKNOWN_USER", BOUNCED),
    ("status", "active", None),
    ("status", "enabled", None),
    ("Status", "Customer", None),
    ("Status", "", None),
    ("subscribed_to_emails", "true", None),
    ("Subscribed", "2024-01-02", None),
    ("email_disabled", "false", None),
    ("Unsubscribed from all email", "", None),
    ("Email opt out", "0", None),
    ("active_subscription", "false", None),
    ("UNSUB_TIME", "", None),
]


@pytest.mark.parametrize(("heading", "cell", "reason"), STATUSES)
def test_who_left_another_service_is_stopped(heading, cell, reason):
    assert read(f"email,name,{heading}\nann@example.org,Ann Lee,{cell}\n") == [ann(stop=reason)]


def test_who_never_confirmed_elsewhere_is_no_client():
    assert read("email,status\nann@example.org,unconfirmed\n") == [
        (REFUSED, 2, "This person has not yet confirmed at the other service (“unconfirmed”).")
    ]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("2024-05-06 07:08:09", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("06.05.2024 07:08", datetime(2024, 5, 6, tzinfo=UTC)),
        ("05/06/2024", datetime(2024, 5, 6, tzinfo=UTC)),
        ("16/05/2024", datetime(2024, 5, 16, tzinfo=UTC)),
        ("2999-01-01", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yes", None),
        ("31.02.2024", None),
    ],
)
def test_dates_as_other_services_write_them(text, when):
    assert moment(text) == when


def test_a_stop_keeps_its_date(owner):
    data = "email,name,UNSUB_TIME\nann@example.org,Ann,2024-05-06 07:08:09\n"
    imported = import_clients(io.BytesIO(data.encode()), owner=owner)
    assert (imported.suppressed, imported.created) == (1, 0)
    assert not Client.objects.exists()
    stop = Suppression.objects.get()
    assert (stop.owner, stop.email, stop.reason) == (owner, "ann@example.org", "unsubscribed")
    assert stop.created_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


QUOTE = "A quotation mark in this line is out of place."
ODD = {
    "a blank after the closing one": ('b@example.org,"{""a"": 1}" \n', 3),
    "never closed": ('b@example.org,"Bob\n', 3),
    "closed too early": ('b@example.org,"Bob" the Builder\n', 3),
    "before the address": ('"b@example.org,Bob\n', 3),
    "two lines never closed": ('b@example.org,"Bob\n', 3),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_quotation_mark_spoils_its_line_only(odd):
    line, number = odd
    data = f'email,name\nann@example.org,Ann Lee\n{line}c@example.org,"Carl, Jr"\nd@example.org,Dora\n'
    assert read(data) == [
        ann(),
        (REFUSED, number, QUOTE),
        ann("c@example.org", "Carl, Jr"),
        ann("d@example.org", "Dora"),
    ]


def test_a_text_of_several_lines_is_one_record():
    data = (
        'email,name,comment\nann@example.org,Ann Lee,"one\ntwo, ""2""\n\nmail b@x.org"\nb@example.org,Bob,\n'
    )
    assert read(data) == [
        ann(comment='one\ntwo, "2"\n\nmail b@x.org'),
        ann("b@example.org", "Bob"),
    ]


def test_a_file_of_nothing_but_open_quotation_marks_ends():
    data = "email,name\n" + "".join(f'c{n}@example.org,"x\n' for n in range(2_000))
    assert read(data) == [(REFUSED, n + 2, QUOTE) for n in range(2_000)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("x" * 300_000 + "\n", "This line is too long: over 100000 characters."),
        ("b@example.org" + "," * 300 + "\n", "This line has more than 200 columns."),
        ("b@example.org,N\0\n", "Null characters are not allowed."),
        ("b@example.org,N\udcff\n", "It contains bytes that are not valid in UTF-8."),
        (",N\n", "There is no address in this line."),
    ],
)
def test_a_line_that_is_too_much_is_told_and_the_next_is_taken(line, why):
    data = f"email,name\nann@example.org,Ann Lee\n{line}e@example.org,É\nd@example.org,Dé Éé Éé Éé\n"
    found = read(data.encode(errors="surrogateescape"))
    assert found[0] == ann()
    assert found[1][0] == REFUSED
    assert found[1][2].startswith(why)
    assert [row[0] for row in found[2:]] == ["e@example.org", "d@example.org"]


def test_what_an_export_quoted_is_as_it_was():
    assert read("email,name\n'=1@example.org,'+Ann\n") == [ann("=1@example.org", "+Ann")]
    assert read("email,name\na@example.org,''=Ann\nb@example.org,'n Roll\n") == [
        ann("a@example.org", "'=Ann"),
        ann("b@example.org", "'n Roll"),
    ]


RUSSIAN = "Имя;Почта\n" + "".join(
    f"{name};c{n}@example.org\n" for n, name in enumerate(("Анна Петрова", "Борис Иванов", "Ольга"))
)
WESTERN = "name;email\nMüller;c0@example.org\nJosé Peña;c1@example.org\nZoë;c2@example.org\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(
            (RUSSIAN, name)
            for name in (
                "utf-8",
                "utf-8-sig",
                "cp1251",
                "koi8-r",
                "cp866",
                "utf-16",
                "utf-16-le",
                "utf-16-be",
                "utf-32",
            )
        ),
        *((WESTERN, name) for name in ("utf-8", "cp1252", "utf-16-le", "latin-1")),
    ],
)
def test_encodings_are_found_out(text, encoding):
    names = [line.split(";") for line in text.splitlines()[1:]]
    wanted = [(ann(a, b) if "@" in a else ann(b, a)) for a, b in names]
    assert read(text.encode(encoding)) == wanted


def test_columns_that_nobody_knows_are_mapped_by_hand(owner):
    data = "Kunde,A,B\nAnn Lee,not@example.org,ann@example.org\n"
    import_clients(io.BytesIO(data.encode()), owner=owner, mapping={"kunde": "full_name", "3": "email"})
    assert list(Client.objects.values_list("email", "full_name")) == [("ann@example.org", "Ann Lee")]


@pytest.mark.parametrize(
    ("known", "name", "comment"),
    [("update", "New", "was"), ("fill", "Old", "was"), ("skip", "Old", "was")],
)
def test_what_becomes_of_known_addresses(owner, known, name, comment):
    Client.objects.create(owner=owner, email="Ann@example.org", full_name="Old", comment="was")
    Client.objects.create(owner=owner, email="bob@example.org")
    data = "email,name,comment\nann@example.org,New,\nbob@example.org,Bob,new\nbob@example.org,Rob,\n"
    import_clients(io.BytesIO(data.encode()), owner=owner, known=known)
    found = dict(Client.objects.values_list("email", "full_name"))
    bob = {"update": "Rob", "fill": "Bob", "skip": ""}[known]
    assert found == {"Ann@example.org": name, "bob@example.org": bob}
    assert Client.objects.get(email="Ann@example.org").comment == comment
