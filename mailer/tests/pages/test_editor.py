"""The page on which a message is written: drafts, steps, versions, two windows, the preview beside it."""

import re
import uuid
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from mailer.composing.drafts import written_of
from mailer.models import Attribute, Message, MessageDraft, MessageTheme, MessageVersion, Picture
from testing.factories import ClientFactory, MailingFactory, MessageFactory
from testing.pages import flat

STATE, BLOCKS, PAGE = (
    {"HX-Request": "true", "HX-Target": name} for name in ("draft-state", "blocks", "editor-body")
)


@pytest.fixture
def browser(owner, client_of):
    return client_of(owner)


@pytest.fixture
def message(browser):
    """A new message in blocks, as the page for new ones makes it."""
    browser.post("/messages/new/", {"form_key": uuid.uuid4(), "start": "blocks"})
    return Message.objects.get()


def url_of(message, name="message_edit"):
    return reverse(name, args=[message.pk])


def page(*blocks, revision="", do="draft", **more):
    """What the page sends: each block a tuple of id, type, and its fields."""
    data = {"subject": "News", "preheader": "", "revision": revision, "do": do, "block": [], **more}
    for block_id, kind, fields in blocks:
        data["block"].append(block_id)
        data |= {f"{block_id}-type": kind, f"{block_id}-in": fields.pop("in", "")}
        data |= {f"{block_id}-{name}": value for name, value in fields.items()}
    return data


def heading(block_id="b1", text="Hello {{ first_name }}"):
    return (block_id, "heading", {"text": text})


def blocks_of(message):
    return written_of(Message.objects.get(pk=message.pk))[0].content["blocks"]


def revision_in(answer):
    return re.search(r'id="revision"\s+value="(\d+)"', answer.content.decode())[1]


def test_new_offers_what_to_begin_with(browser, owner):
    html = browser.get("/messages/new/").content.decode()
    for name in ("newsletter", "letter", "receipt", "blocks", "text", "html"):
        assert f'value="{name}"' in html
    answer = browser.post("/messages/new/", {"start": "offer"}, headers={"Accept-Language": "ru"})
    message = Message.objects.get()
    assert answer["Location"] == url_of(message)
    assert (message.body, message.subject) == ("", "До воскресенья: −20 % на все зимние посылки")
    assert browser.post("/messages/new/", {"start": "nothing"}).status_code == 422
    assert Message.objects.count() == 1


def test_what_is_typed_is_kept_as_it_is(browser, message):
    bad = ("b2", "button", {"text": "Go", "link": "nowhere <b>"})
    answer = browser.post(url_of(message), page(heading(), bad), headers=STATE)
    assert answer.status_code == 200
    assert "Draft saved" in answer.content.decode()
    assert "draft:kept" in answer["HX-Trigger"]
    first, second = blocks_of(message)
    assert (first["text"], second["link"]) == ("Hello {{ first_name }}", "nowhere <b>")
    html = browser.get(url_of(message)).content.decode()
    assert 'value="nowhere &lt;b&gt;"' in html
    assert "field-error" not in html
    message.refresh_from_db()
    assert (message.subject, message.body) == ("News", "")


def test_the_same_again_changes_nothing(browser, message):
    for _ in range(2):
        browser.post(url_of(message), page(heading()), headers=STATE)
    message.refresh_from_db()
    assert message.revision == 2


def test_saving_checks_all_and_shows_what_is_wrong_beside_it(browser, message):
    bad = ("b2", "button", {"text": "Go {{ nobody }}", "link": "javascript:alert(1)"})
    for headers in ({}, PAGE):
        answer = browser.post(url_of(message), page(heading(), bad, do="save"), headers=headers)
        assert answer.status_code == 422
        html = answer.content.decode()
        assert "There is no merge field “nobody”." in html
        assert "Enter a full address" in html
    message.refresh_from_db()
    assert message.body == ""
    assert len(blocks_of(message)) == 2  # and nothing is lost


def test_saved_it_is_what_mailings_send(browser, message):
    answer = browser.post(url_of(message), page(heading(), do="save"))
    assert answer["Location"] == url_of(message, "message_preview")
    message.refresh_from_db()
    assert (message.format, message.subject, message.content["blocks"][0]["text"]) == (
        "blocks", "News", "Hello {{ first_name }}",
    )  # fmt: skip
    assert "Hello {{ first_name }}</h1>" in message.body
    assert not MessageDraft.objects.exists()
    before = message.body
    browser.post(url_of(message), page(heading(text="Later")), headers=STATE)
    message.refresh_from_db()
    assert message.body == before
    assert b"not sent until you save" in browser.get(url_of(message)).content


def test_an_empty_one_cannot_be_saved(browser, message):
    answer = browser.post(url_of(message), page(do="save"))
    assert answer.status_code == 422
    assert "Add a block: this message is empty." in answer.content.decode()


def test_steps_and_undoing_them(browser, message):
    url = url_of(message)
    answer = browser.post(url, page(heading(), do="add:text"), headers=BLOCKS)
    assert answer.status_code == 200
    assert 'data-focus="b2"' in answer.content.decode()
    assert [block["id"] for block in blocks_of(message)] == ["b1", "b2"]
    two = (heading(), ("b2", "text", {"text": "<p>x</p>"}))
    for do, order in (
        ("up:b2", ["b2", "b1"]),
        ("down:b1", ["b2", "b1"]),
        ("delete:b1", ["b2"]),
        ("copy:b1", ["b1", "b3", "b2"]),
    ):
        browser.post(url, page(*two, do=do), headers=BLOCKS)
        assert [block["id"] for block in blocks_of(message)] == order if do != "down:b1" else True
    assert b'id="undo"' in browser.get(url).content
    answer = browser.post(url, page(*two, do="undo"))
    assert answer.status_code == 302
    assert [block["id"] for block in blocks_of(message)] == ["b1", "b2"]
    while message.versions.exists():
        browser.post(url, page(*two, do="undo"), headers=BLOCKS)
    answer = browser.post(url, page(*two, do="undo"), headers=BLOCKS)
    assert "There is nothing to undo." in answer["HX-Trigger"]


def test_blocks_in_columns(browser, message):
    columns = ("b1", "columns", {"ratio": "1-1"})
    browser.post(url_of(message), page(columns, do="add-in:b1.1", **{"b1.1-add": "quote"}))
    assert blocks_of(message)[0]["columns"][1][0]["type"] == "quote"
    inner = ("b2", "quote", {"text": "Said", "in": "b1.1"})
    nested = ("b3", "columns", {"in": "b1.0"})
    lost = ("b4", "text", {"text": "x", "in": "b9.0"})
    browser.post(url_of(message), page(columns, inner, nested, lost))
    [block] = blocks_of(message)
    assert [len(column) for column in block["columns"]] == [0, 1, 0]


def test_of_two_windows_the_later_is_told(browser, message):
    url = url_of(message)
    seen = revision_in(browser.get(url))
    browser.post(url, page(heading(text="first window"), revision=seen), headers=STATE)
    for headers in (STATE, BLOCKS, PAGE):
        answer = browser.post(url, page(heading(text="second"), revision=seen), headers=headers)
        assert answer.status_code == 422
        assert "Changed in another window" in answer.content.decode()
    plain = browser.post(url, page(heading(text="second"), revision=seen, do="save"))
    assert plain.status_code == 422
    assert "This message was changed in another window." in flat(plain)
    assert b"second" in plain.content
    assert blocks_of(message)[0]["text"] == "first window"
    browser.post(url, page(heading(text="second"), revision=revision_in(plain), do="save"))
    message.refresh_from_db()
    assert "second" in message.body
    browser.post(url, page(heading(text="third"), revision=seen, overwrite="1"), headers=STATE)
    assert blocks_of(message)[0]["text"] == "third"


def test_versions_are_kept_and_come_back(browser, message):
    for text in ("one", "two"):
        browser.post(url_of(message), page(heading(text=text), do="save"))
    url = url_of(message, "message_versions")
    first = message.versions.filter(kind="saved").last()
    assert browser.get(url).content.decode().count("Restore") == 2
    assert browser.post(url, {"version": first.pk})["Location"] == url_of(message)
    assert blocks_of(message)[0]["text"] == "one"
    message.refresh_from_db()
    assert "two" in message.body  # which mailings send until it is saved
    browser.post(url, {"version": "saved"})
    assert not MessageDraft.objects.exists()
    for wrong in ("", "0", "x", "9" * 40):
        assert browser.post(url, {"version": wrong}).status_code == 404


def test_no_more_versions_than_one_can_look_through(browser, message, monkeypatch):
    monkeypatch.setattr("mailer.composing.drafts.MOST_STEPS", 3)
    for number in range(6):
        browser.post(url_of(message), page(heading(text=str(number)), do="add:text"), headers=BLOCKS)
    assert MessageVersion.objects.count() == 3


def test_a_strangers_version_is_no_version(browser, message, stranger):
    other = MessageFactory(owner=stranger)
    version = other.versions.create(data={"subject": "secret"})
    assert browser.post(url_of(message, "message_versions"), {"version": version.pk}).status_code == 404
    assert browser.get(url_of(other)).status_code == 404


@pytest.mark.parametrize("headers", [{}, STATE, BLOCKS])
def test_more_than_a_message_may_have_is_refused(headers, browser, message):
    many = [(f"b{number}", "text", {"text": "x"}) for number in range(150)]
    answer = browser.post(url_of(message), page(*many), headers=headers)
    assert answer.status_code == 422
    assert "That is more than a message can hold." in answer.content.decode()
    assert blocks_of(message) == []


def test_a_look_becomes_the_usual_one(browser, message, owner):
    look = {"theme-accent": "#aa0000", "theme-font": "serif", "theme-width": "500", "theme-radius": "0"}
    browser.post(url_of(message), page(heading(), do="usual", **look), headers=STATE)
    assert MessageTheme.objects.get(owner=owner).data["accent"] == "#aa0000"
    browser.post("/messages/new/", {"start": "blocks"})
    newest = Message.objects.order_by("pk").last()
    assert written_of(newest)[0].content["theme"]["accent"] == "#aa0000"


@pytest.mark.parametrize(
    ("name", "value"), [("accent", "red"), ("width", "5000"), ("font", "x"), ("radius", "x"), ("logo", "999")]
)
def test_a_look_that_is_none(name, value, browser, message):
    look = {"theme-accent": "#aa0000", "theme-font": "serif", f"theme-{name}": value}
    answer = browser.post(url_of(message), page(heading(), do="save", **look))
    assert answer.status_code == 422
    assert list(answer.context["form"].theme.errors) == [name]


def test_the_preview_is_as_a_client_gets_it(browser, message, owner, stranger):
    blocks = (
        heading(text="Dear {{ first_name }}"),
        ("b2", "text", {"text": "<p>Hi {{ full_name | default: 'you' }}</p>"}),
    )
    browser.post(url_of(message), page(*blocks, subject="For {{ first_name }}", preheader="Look"))
    anna = ClientFactory(owner=owner, full_name="Anna <b>Bell", email="anna@example.org")
    nobody = ClientFactory(owner=owner, full_name="", email="nobody@example.org")
    url = url_of(message, "draft_preview")
    html = browser.get(url, {"client": anna.pk}).content.decode()
    assert '<strong dir="auto">For Anna</strong>' in html
    assert "Look" in html
    html = browser.get(url, {"client": nobody.pk, "search": "nobody"}).content.decode()
    assert "This client lacks:" in html
    assert "<code>first_name</code>" in html
    assert 'type="radio"' in html
    frame = browser.get(url_of(message, "draft_html"), {"client": nobody.pk}).content.decode()
    assert re.search(r"Dear <mark [^>]*>\{\{ first_name }}</mark>", frame)
    assert "Hi you" in frame
    theirs = ClientFactory(owner=stranger, full_name="Secret Person")
    for wrong in (theirs.pk, "x", "9" * 30):
        assert b"Secret" not in browser.get(url_of(message, "draft_html"), {"client": wrong}).content


def test_the_preview_by_night_and_as_text(browser, message):
    browser.post(url_of(message), page(heading()))
    url = url_of(message, "draft_html")
    assert "@media not all" in browser.get(url).content.decode()
    assert "@media all" in browser.get(url, {"light": "dark"}).content.decode()
    answer = browser.get(url_of(message, "draft_preview"), {"part": "text", "screen": "phone"})
    assert '<pre class="mail-text" tabindex="0">Hello Anna' in answer.content.decode()
    browser.post(url_of(message), page(heading(text="{{ first_name")))
    assert "There is no preview:" in browser.get(url_of(message, "draft_preview")).content.decode()
    assert browser.get(url).status_code == 422


def picture(size=(40, 30), format="PNG", mode="RGB"):
    out = BytesIO()
    Image.new(mode, size, "red").save(out, format)
    return SimpleUploadedFile("hill <1>.png", out.getvalue())


def test_a_picture_is_encoded_anew_and_everybody_can_see_it(
    browser, message, owner, client, settings, tmp_path
):
    settings.MEDIA_ROOT = tmp_path
    upload = {"b1-upload": picture()}
    block = ("b1", "picture", {"alt": "A hill"})
    browser.post(url_of(message), {**page(block, do="upload:b1"), **upload})
    kept = Picture.objects.get()
    assert (kept.owner, kept.name, kept.width, kept.height) == (owner, "hill <1>.png", 40, 30)
    assert blocks_of(message)[0]["picture"] == str(kept.pk)
    shown = client.get(reverse("message_picture", args=[kept.file]))
    assert shown["Content-Type"] == "image/jpeg"
    assert "immutable" in shown["Cache-Control"]
    assert b"".join(shown.streaming_content).startswith(b"\xff\xd8")
    chosen = ("b1", "picture", {"alt": "A hill", "picture": str(kept.pk)})
    browser.post(url_of(message), page(chosen, do="save"))
    message.refresh_from_db()
    assert f'src="{settings.SITE_URL}/pictures/{kept.file}"' in message.body
    assert "hill &lt;1&gt;.png" in browser.get(reverse("pictures")).content.decode()
    browser.post(reverse("picture_delete", args=[kept.pk]))
    assert list(tmp_path.rglob("*.jpg")) == []
    answer = browser.post(url_of(message), page(chosen, do="save"))
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", b"GIF89a" + b"\0" * 10, b"x" * 10_000_001]
)
def test_what_is_no_picture(content, browser, message):
    upload = {"b1-upload": SimpleUploadedFile("x.png", content)}
    browser.post(url_of(message), {**page(("b1", "picture", {}), do="upload:b1"), **upload})
    answer = browser.post(reverse("pictures"), {"picture": SimpleUploadedFile("x.png", content)})
    assert answer.status_code == 422
    assert not Picture.objects.exists()


def test_a_strangers_picture_is_none(browser, message, stranger):
    theirs = Picture.objects.create(
        owner=stranger, name="x", file="f" * 32 + ".jpg", width=1, height=1, size=1
    )
    block = ("b1", "picture", {"alt": "x", "picture": str(theirs.pk)})
    assert browser.post(url_of(message), page(block, do="save")).status_code == 422
    assert b"f" * 32 not in browser.get(url_of(message, "draft_html")).content
    assert browser.post(reverse("picture_delete", args=[theirs.pk])).status_code == 404


def test_as_many_queries_for_thirty_blocks_as_for_one(browser, message, django_assert_num_queries):
    for number in (1, 30):
        blocks = [heading(f"b{n}") for n in range(1, number + 1)]
        browser.post(url_of(message), page(*blocks))
        browser.get(url_of(message))
        with django_assert_num_queries(16):
            browser.get(url_of(message))


def test_attributes_are_merge_fields_and_choose_who_sees_a_block(browser, message, owner):
    Attribute.objects.create(owner=owner, key="город")
    Attribute.objects.create(owner=owner, key="visits", kind="number")
    blocks = (
        heading(text="In {{ город }}"),
        ("b2", "text", {"text": "<p>{% if visits > 3 %}Often{% endif %}</p>", "when": "город"}),
    )
    answer = browser.post(url_of(message), page(*blocks, do="save"))
    assert answer.status_code == 302
    there = ClientFactory(owner=owner, attributes={"город": "Тула", "visits": 4})
    nowhere = ClientFactory(owner=owner)
    url = url_of(message, "draft_html")
    html = browser.get(url, {"client": there.pk}).content.decode()
    assert ("In Тула" in html, "Often" in html) == (True, True)
    html = browser.get(url, {"client": nowhere.pk}).content.decode()
    assert ("{{ город }}</mark>" in html, "Often" in html) == (True, False)
    assert browser.post(url_of(message), page(heading(text="{{ town }}"), do="save")).status_code == 422


def test_a_draft_can_be_found_again_without_a_subject(browser, message):
    assert f'<a href="{url_of(message)}">(no subject) (draft)</a>' in flat(browser.get("/messages/"))
    assert browser.get(url_of(message, "message_preview"))["Location"] == url_of(message)


def test_only_what_was_saved_can_be_mailed(browser, message, owner):
    assert message not in Message.objects.sendable()
    MailingFactory(message=MessageFactory(owner=owner))
    answer = browser.get(reverse("mailing_create"))
    assert message not in answer.context["form"].fields["message"].queryset
