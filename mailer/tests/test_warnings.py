"""What an author should know before sending, though nothing forbids it."""

import pytest

from mailer.composing.warnings import foreign_placeholders, size_warning
from testing.factories import MessageFactory


@pytest.mark.once
@pytest.mark.parametrize(
    "placeholder",
    [
        "*|FNAME|*", "*|MERGE1|*", "*|IF:FNAME|*", "{firstname}", "{$name}", "{contact.first_name}",
        "{name|there}", "%%first name%%", "%FIRSTNAME%", "[[name]]", "-name-", "-first_name-", "${name}",
        "<%= name %>", "<<First Name>>", "[FNAME]", "[NAME]",
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
    ],
)
def test_what_is_none_is_not_taken_for_one(body):
    assert foreign_placeholders("Subject", body) == []


@pytest.mark.once
def test_they_are_named_once_and_in_order():
    assert foreign_placeholders("{b}", "{a} {b} *|C|*") == ["{b}", "{a}", "*|C|*"]


@pytest.mark.once
@pytest.mark.parametrize(("size", "says"), [(102 * 1024, ""), (102 * 1024 + 1, "The HTML part is 103 kB")])
def test_gmail_s_limit_is_in_octets(size, says):
    html = "é" * (size // 2) + "x" * (size % 2)
    assert len(html.encode()) == size
    assert size_warning(html).startswith(says)
    assert bool(size_warning(html)) == bool(says)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            "<p>Dear *|FNAME|*</p>",
            "*|FNAME|* looks like a merge field of another program and is sent as it is.",
        ),
        ("<p>" + "many words " * 10_000, "The HTML part is 108 kB. Gmail cuts off everything beyond 102 kB."),
    ],
)
def test_they_stand_beside_the_preview_and_hold_nothing_up(owner, client_of, body, says):
    browser = client_of(owner)
    answer = browser.post(
        f"/messages/{MessageFactory(owner=owner).pk}/edit/",
        {"subject": "x", "format": "html", "body": body, "do": "save"},
        follow=True,
    )
    assert answer.status_code == 200
    assert [notice for notice in answer.context["notices"] if notice.startswith(says)] != []
    assert says in answer.content.decode()


@pytest.mark.django_db
def test_an_honest_message_has_none(owner, client_of):
    message = MessageFactory(owner=owner, body="<p>Dear {{ first_name }}</p>")
    assert client_of(owner).get(f"/messages/{message.pk}/preview/").context["notices"] == []
