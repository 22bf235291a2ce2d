"""The check before sending: what is found in a message itself, and where it is told."""

import pytest

from mailer.checking.content import check
from mailer.checking.fields import gaps
from mailer.checking.findings import place_of
from mailer.checking.placeholders import foreign_placeholders
from mailer.composing.compiling import compile_message
from mailer.composing.drafts import Written
from mailer.composing.looking import look
from mailer.models import Attribute, Client
from mailer.templatetags.checking import summed_up
from testing.factories import ClientFactory, ClientGroupFactory, MailingFactory, MessageFactory
from testing.pages import flat


@pytest.mark.once
@pytest.mark.parametrize(
    "placeholder",
    [
        "*|FNAME|*", "*|MERGE1|*", "*|IF:FNAME|*", "{firstname}", "{$name}", "{contact.first_name}",
        "{name|there}", "%%first name%%", "%FIRSTNAME%", "[[name]]", "-name-", "-first_name-", "${name}",
        "<%= name %>", "<<First Name>>", "[FNAME]", "[NAME]",
        "{!Contact.Name}", "{!firstname_fix}", "{First Name}", "##name##", "@@name@@", "%recipient.name%",
        "[subscriber:firstname]", "[firstname,fallback=there]", "$name$",
    ],
)  # fmt: skip
def test_placeholders_of_other_programs_are_found(placeholder):
    assert foreign_placeholders(f"Hi {placeholder}", "x") == [placeholder]
    assert foreign_placeholders("x", f"<p>Dear {placeholder},</p>\n{placeholder}") == [placeholder]


@pytest.mark.once
@pytest.mark.parametrize(
    "body",
    [
        "Dear {{ first_name | default: 'you' }}, {% if email %}{{ email }}{% endif %}",
        "<style>p{color:red} @media(max-width:9px){.a{b:c}} @keyframes k{100%{top:2px}}</style><p>x</p>",
        "A well-known way, state-of-the-art, 50% off – 100%! Yes - really - now.",
        "{ not one } [see below] [1] 5 * 3 | 2 * |",
        '<!--[if mso]><![endif]--><p style="mso-line-height-rule:exactly">a-b-c</p>',
        '<a href="https://a.example/?a=%D0%9F%D1%80&b=-">x</a>',
        "<script>var a = {b: 1}</script>",
        "$5 and $6, #1 ## @@ [sic] [note: see below] [1, 2] 5%.a% a@@b {!} {not this}",
    ],
)
def test_what_is_none_is_not_taken_for_one(body):
    assert foreign_placeholders("Subject", body) == []


@pytest.mark.once
def test_they_are_named_once_and_in_order():
    assert foreign_placeholders("{b}", "{a} {b} *|C|*") == ["{b}", "{a}", "*|C|*"]


def found(owner, *, subject="News", body="<p>Dear reader, here is all the news of this week.</p>", **more):
    """What is found in a message: pairs of how bad it is and where."""
    written = Written(subject=subject, body=body, **{"format": "html", **more})
    findings = check(written=written, look=look(written=written, owner=owner), owner=owner)
    return {finding.text: finding for finding in findings}


WAY_OUT = '<p><a href="{{ unsubscribe_url }}">Leave</a></p>'
ENOUGH = "<p>Dear reader, here is all the news of this week, with many words.</p>"


def test_an_honest_message_has_nothing_to_be_said_of_it(owner):
    assert found(owner, body=ENOUGH + WAY_OUT) == {}


@pytest.mark.parametrize(
    ("message", "severity", "text", "place"),
    [
        ({"subject": ""}, "bad", "There is no subject.", "id_subject"),
        ({"subject": "x" * 71}, "warn", "The subject has 71 characters.", "id_subject"),
        ({"body": "<p>Dear *|FNAME|*</p>"}, "bad", "*|FNAME|* looks like a merge field", "id_body"),
        ({"subject": "Hi {name}"}, "bad", "{name} looks like a merge field", "id_subject"),
        ({"body": "<p>" + "many words " * 10_000}, "warn", "The HTML part is 108 kB.", "id_body"),
        ({"body": ENOUGH + '<a href="#">x</a>'}, "bad", "A link leads nowhere: “#”.", "id_body"),
        (
            {"body": ENOUGH + "<a href='javascript:go()'>x</a>"},
            "bad",
            "A link leads nowhere: “javascr",
            "id_body",
        ),
        ({"body": ENOUGH + '<a href="">x</a>'}, "bad", "A link leads nowhere.", "id_body"),
        ({"body": ENOUGH + '<a href="/shop">x</a>'}, "bad", "A link does not say which site", "id_body"),
        (
            {"body": ENOUGH + '<img src="https://a.example/a.png">'},
            "warn",
            "1 picture has no alternative",
            "id_body",
        ),
        (
            {"body": '<img src="https://a.example/a.png" alt="x">'},
            "warn",
            "The mail says next to nothing",
            "id_body",
        ),
        ({"body": "<p>x</p>" + "<i>" * 300}, "bad", "It cannot be sent:", "id_body"),
        ({"body": ENOUGH}, "note", "Not everybody would see", ""),
        ({"format": "text", "body": "Go {% if"}, "bad", "It cannot be sent:", "id_body"),
        ({"format": "blocks", "body": ""}, "note", "There is no preheader", "id_preheader"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(owner, message, severity, text, place):
    [finding] = [finding for said, finding in found(owner, **message).items() if said.startswith(text)]
    assert (finding.severity, finding.place) == (severity, place)


def test_of_very_many_bad_links_ten_of_a_kind_are_named(owner):
    links = "".join(f'<a href="/page{n}">x</a><a href="#part{n}">x</a>' for n in range(200))
    told = found(owner, body=ENOUGH + links + WAY_OUT)
    named = [said for said in told if not said.startswith("And ")]
    assert len([said for said in named if "does not say which site" in said]) == 10
    assert len([said for said in named if "leads nowhere" in said]) == 10
    assert told["And 190 more links like these."].severity == "bad"
    written = Written(subject="News", body=ENOUGH + links, format="html")
    listed = check(written=written, look=look(written=written, owner=owner), owner=owner)
    assert "Fix this: 400" in summed_up(listed)


def test_who_has_neither_salutation_nor_first_name_is_counted_in_words(owner):
    ClientFactory(owner=owner, full_name="")
    [gap] = [said for said in found(owner, subject="Dear {{ salutation }}", body=ENOUGH) if "gap" in said]
    assert gap == "1 of 1 clients has no salutation or first name: a gap in their mail."


def test_in_blocks_the_place_is_the_block(owner):
    blocks = [
        {"id": "b1", "type": "heading", "text": "Hi {name}"},
        {"id": "b2", "type": "columns", "ratio": "1-1", "columns": [[
            {"id": "b3", "type": "button", "text": "Go", "link": "https://a.example/ {{ city }}"},
            {"id": "b4", "type": "picture", "address": "https://a.example/a.png", "alt": ""},
        ], [], []]},
    ]  # fmt: skip
    ClientFactory(owner=owner)
    content = {"preheader": "Words", "theme": {}, "blocks": blocks}
    places = {
        said[:20]: finding.place for said, finding in found(owner, format="blocks", content=content).items()
    }
    assert (places["{name} looks like a "], places["1 picture has no alt"]) == ("b1", "b4")
    written = Written(subject="x", format="blocks", content=content)
    assert place_of(written, "city") == "b3"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "lacking"),
    [
        ("{{ city }}", {"city": 3}),  # none, empty, and not there
        ("{{ city | upcase }}", {"city": 3}),
        ("{{ city | default: 'here' }}", {}),
        ("{% if city %}{{ city }}{% else %}here{% endif %}", {}),
        ("{% unless city %}{{ city }}{% endunless %}", {"city": 3}),
        ("{{ first_name }}", {"first_name": 2}),
        ("{{ first_name | default: 'friend' }}", {}),
        ("{{ full_name }} {{ first_name }}", {"full_name": 1, "first_name": 2}),
        ("{{ email }} {{ sender_name }} {{ unsubscribe_url }}", {}),
        ("{{ odd__key }}", {"odd__key": 4}),
    ],
)
def test_gaps_are_counted_where_nothing_takes_their_place(
    owner, stranger, body, lacking, django_assert_max_num_queries
):
    Attribute.objects.create(owner=owner, key="city")
    for name, attributes in (
        ("Anna Petrova", {"city": "Riga"}), ("", {"city": ""}), ("ACME Ltd", {"other": 1}), ("Bob", {}),
    ):  # fmt: skip
        ClientFactory(owner=owner, full_name=name, attributes=attributes)
    ClientFactory(owner=stranger, full_name="")
    compiled = compile_message(subject="x", body=f"<p>{body}</p>")
    with django_assert_max_num_queries(2):
        counted = gaps(compiled=compiled, clients=Client.objects.owned_by(owner))
    assert {gap.name: gap.number for gap in counted} == lacking
    assert all((gap.of, gap.more) == (4, False) for gap in counted)


@pytest.mark.django_db
def test_of_very_many_clients_the_first_are_looked_at(owner, monkeypatch):
    monkeypatch.setattr("mailer.checking.fields.LOOKED_AT", 2)
    for _ in range(3):
        ClientFactory(owner=owner, full_name="")
    [gap] = gaps(
        compiled=compile_message(subject="{{ full_name }}", body="x"), clients=Client.objects.owned_by(owner)
    )
    assert (gap.number, gap.of, gap.more) == (2, 2, True)
    assert "2 of the first 2 clients have no full_name" in " ".join(found(owner, subject="{{ full_name }}"))


@pytest.fixture
def telling(owner):
    return MessageFactory(owner=owner, subject="Hi {name}", body="<p>Dear {{ first_name }}</p>")


@pytest.mark.django_db
def test_it_stands_beside_the_preview_and_holds_nothing_up(owner, browser, telling):
    answer = browser.post(
        f"/messages/{telling.pk}/edit/",
        {"subject": "Hi {name}", "format": "html", "body": "<p>x</p>", "do": "save"},
        follow=True,
    )
    assert answer.status_code == 200
    for page in (
        answer,
        browser.get(f"/messages/{telling.pk}/edit/"),
        browser.get(f"/messages/{telling.pk}/draft/"),
    ):
        html = flat(page)
        assert "{name} looks like a merge field of another program" in html
        assert f'href="/messages/{telling.pk}/edit/#id_subject"' in html


@pytest.mark.django_db
def test_others_who_may_see_a_message_are_told_nothing_of_its_owner_s_clients(
    manager, client_of, owner, telling
):
    ClientFactory(owner=owner, full_name="")
    MailingFactory(message=telling, owner=owner)
    html = client_of(manager).get(f"/messages/{telling.pk}/preview/").content.decode()
    assert "clients have no" not in html
    assert "looks like a merge field" not in html


@pytest.mark.django_db
def test_before_mail_goes_out_it_counts_those_who_were_chosen(owner, browser, telling):
    group, out = ClientGroupFactory(owner=owner), ClientGroupFactory(owner=owner)
    for place, (name, groups) in enumerate(
        (("", [group]), ("", [group]), ("Anna", [group]), ("", [group, out]), ("", []))
    ):
        ClientFactory(owner=owner, full_name=name, email=f"{place}@example.org").groups.set(groups)
    data = {
        "message": telling.pk, "groups": [group.pk], "excluded": [out.pk], "period": "once",
        "starts_at": "2026-01-01T09:00", "time_zone": "Europe/Moscow",
    }  # fmt: skip
    html = flat(browser.post("/mailings/new/", data))
    assert "Check before sending" in html
    assert "2 of 3 clients have no first_name: a gap in their mail." in html
    assert "{name} looks like a merge field" in html
