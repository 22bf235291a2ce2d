"""Messages as people really paste them, and as some mean harm by them."""

import email
import email.policy
import uuid
from time import monotonic

import pytest

from mailer.composing.compiling import compile_message
from mailer.composing.drafts import Written, start_message
from mailer.models import Attribute, Client
from testing.factories import ClientFactory, MessageFactory
from testing.pages import flat
from testing.sending import make_mailing

WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office">
<head><meta name=Generator content="Microsoft Word 15"><!--[if gte mso 9]><xml><o:OfficeDocumentSettings>
<o:AllowPNG/></o:OfficeDocumentSettings></xml><![endif]--><style><!-- /* Font Definitions */
@font-face {font-family:"Cambria Math"; panose-1:2 4 5 3 5 4 6 3 2 4;}
p.MsoNormal, li.MsoNormal {margin:0cm; font-size:11.0pt; font-family:"Calibri",sans-serif;}
@page WordSection1 {size:595.3pt 841.9pt;} div.WordSection1 {page:WordSection1;} --></style></head>
<body lang=EN-GB link="#0563C1" style='word-wrap:break-word'><div class=WordSection1>
<p class=MsoNormal><b><span style='mso-ansi-language:EN-US'>Dear {{ first_name }},<o:p></o:p></span></b></p>
<p class=MsoListParagraph style='text-indent:-18.0pt;mso-list:l0 level1 lfo1'><![if !supportLists]><span
style='mso-list:Ignore'>1.<span style='font:7.0pt "Times New Roman"'>&nbsp; </span></span><![endif]>the first
point<o:p></o:p></p></div></body></html>"""
GMAIL = """<div dir="ltr">Dear {{ first_name }},<div><br></div><div>see <a href="https://example.com/a?b=1&amp;copy=2"
 target="_blank" data-saferedirecturl="https://www.google.com/url?q=x">our page</a>.</div>
<div class="gmail_quote"><blockquote class="gmail_quote" style="border-left:1px #ccc solid">as you
wrote<br clear="all"></blockquote></div><img class="ajT" src="//ssl.gstatic.com/mail/images/cleardot.gif"
></div>"""


def save(browser, message, **fields):
    data = {"subject": "News", "format": "html", "body": "<p>x</p>", "do": "save", **fields}
    return browser.post(f"/messages/{message.pk}/edit/", data)


@pytest.fixture
def message(owner):
    return MessageFactory(owner=owner)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "source"), [("word", WORD), ("gmail", GMAIL)])
def test_a_paste_from_word_or_gmail_reads_well(browser, message, name, source):
    assert save(browser, message, body=source).status_code == 302
    message.refresh_from_db()
    assert message.body.replace("\r\n", "\n") == source
    made = compile_message(subject="x", body=source)
    values = {"first_name": "Anna", "sender_name": "Olga", "unsubscribe_url": "https://example.com/u/1/"}
    mail = made.fill({name: values.get(name, "") for name in made.names})
    assert mail.text.startswith("Dear Anna,\n")
    for junk in ("mso", "font-face", "supportLists", "<", "WordSection"):
        assert junk not in mail.text
    if name == "word":
        assert "the first\npoint" in mail.text or "the first point" in mail.text
        assert "<![if !supportLists]>" in mail.html
    else:
        assert "our page: https://example.com/a?b=1&copy=2" in mail.text
        assert "> as you wrote" in mail.text


@pytest.mark.django_db
@pytest.mark.parametrize("source", [WORD, GMAIL])
def test_pasted_into_a_block_of_text_only_what_mail_readers_know_is_sent(owner, browser, source):
    message = start_message(owner=owner, form_key=uuid.uuid4(), written=Written())
    data = {
        "subject": "News",
        "preheader": "",
        "do": "save",
        "block": ["b1"],
        "b1-type": "text",
        "b1-in": "",
        "b1-text": source,
    }
    assert browser.post(f"/messages/{message.pk}/edit/", data).status_code == 302
    message.refresh_from_db()
    for junk in ("MsoNormal", "<o:p>", "gmail_quote", "saferedirect", "font-face{", "supportLists"):
        assert junk not in message.body
    assert "Dear {{ first_name }}" in message.body


@pytest.mark.django_db
def test_an_export_of_300_kb_is_taken_and_its_size_told(owner, browser, message):
    words = "A product with a name and words about it. " * 5
    body = (
        "<table>" + f'<tr><td style="padding:8px;font-family:Arial">{words}</td></tr>\n' * 1150 + "</table>"
    )
    assert 300_000 < len(body) < 320_000
    begun = monotonic()
    assert save(browser, message, body=body).status_code == 302
    assert monotonic() - begun < 20
    assert "Gmail cuts off everything beyond 102 kB" in flat(browser.get(f"/messages/{message.pk}/preview/"))


@pytest.mark.django_db
@pytest.mark.parametrize("size", [900_000, 2_000_000, 10_000_000])
def test_pictures_in_the_source_are_refused_in_time(browser, message, size):
    before = message.body
    begun = monotonic()
    answer = save(
        browser, message, body=f'<p>x</p><img src="data:image/png;base64,{"iVBORw0K" * (size // 8)}">'
    )
    assert answer.status_code in (413, 422)
    assert monotonic() - begun < 5
    message.refresh_from_db()
    assert message.body == before


@pytest.mark.django_db
@pytest.mark.parametrize("subject", ["In\u202evoice", "A\u2066b", "x\u202dy", "a\nb", "a\x07b"])
def test_a_subject_cannot_turn_its_reader_around(browser, message, subject):
    answer = save(browser, message, subject=subject)
    assert answer.status_code == 422
    assert "control characters" in flat(answer)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ne\u200bws\ufeff of\u00ad May\u2060", "News of May"),
        (
            "Family \U0001f468\u200d\U0001f469\u200d\U0001f467",
            "Family \U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("خبر\u200cها \u200fنو", "خبر\u200cها \u200fنو"),
    ],
)
def test_what_cannot_be_seen_is_left_out_of_a_subject_where_no_script_needs_it(browser, message, typed, kept):
    save(browser, message, subject=typed)
    message.refresh_from_db()
    assert message.subject == kept


@pytest.mark.django_db(transaction=True)
def test_a_name_that_turns_the_line_around_is_straightened_in_the_mail(owner, smtp):
    """Names come from files of others, where no form looks at them."""
    client = ClientFactory(owner=owner)
    Client.objects.filter(pk=client.pk).update(full_name="Anna\u202e gnp.exe\u2066")
    client.refresh_from_db()
    message = MessageFactory(owner=owner, subject="Hi {{ full_name }}", body="<p>x</p>")
    make_mailing(owner, [client], message=message)
    found = email.message_from_bytes(smtp.mails[0].content, policy=email.policy.default)
    assert (found["To"].addresses[0].display_name, found["Subject"]) == ("Anna gnp.exe", "Hi Anna gnp.exe")


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_filled_for_one_client_fails_for_that_client_alone(owner, smtp):
    Attribute.objects.create(owner=owner, key="points", kind="number")
    body = "<p>{{ full_name | truncate: points }}</p>"
    clients = [
        ClientFactory(owner=owner, email=f"{n}@example.org", attributes={"points": points})
        for n, points in enumerate((5, "many", 7))
    ]
    attempt = make_mailing(
        owner, clients, message=MessageFactory(owner=owner, subject="x", body=body)
    ).attempts.get()
    assert {mail.recipient for mail in smtp.mails} == {"0@example.org", "2@example.org"}
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 2, 1)
    failed = attempt.deliveries.get(status="failed")
    assert failed.email == "1@example.org"
    assert "truncate" in failed.response
