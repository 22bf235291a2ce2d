"""Files that go with a message, and pictures that are part of the mail."""

import email.policy
import zipfile
from datetime import timedelta
from email import message_from_bytes
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mailer.composing import attachments, room
from mailer.composing.attachment_kinds import clean_name, content_type_of
from mailer.composing.attachments import attach, copy_attachments, detach, settle
from mailer.composing.blocks.document import read
from mailer.composing.blocks.rendering import html_of
from mailer.composing.compiling import compile_message
from mailer.composing.mime_files import File
from mailer.composing.picture_files import FOLDER, inside, keep_picture, pictures_of
from mailer.composing.rendering import Composer, Recipient
from mailer.composing.uploads import remove_unused
from mailer.models import Attachment, Attempt, Delivery, MessageDraft, Picture
from mailer.reporting.receipt import mail_again
from mailer.sending.pruning import prune
from people.accounts import delete_account
from people.models import User
from testing.factories import ClientFactory, MessageFactory, UserFactory
from testing.sending import make_mailing

pytestmark = pytest.mark.django_db(transaction=True)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
LATER = timedelta(hours=2)


def picture(image_format="PNG"):
    out = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, image_format)
    return out.getvalue()


def parsed(content):
    return message_from_bytes(content, policy=email.policy.default)


@pytest.fixture(autouse=True)
def storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def message(owner):
    return MessageFactory(owner=owner)


def archive(**files):
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in files.items():
            made.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def stored(folder=attachments.FOLDER):
    root = default_storage.path(folder)
    return sorted(path.name for path in Path(root).rglob("*") if path.is_file())


def files_in(content):
    return [(part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
            for part in parsed(content).iter_attachments()]  # fmt: skip


def composer_of(*files, body="<p>x</p>"):
    owner = User(pk=7, email="owner@example.com", name="Olga")
    return Composer(compiled=compile_message(subject="S", body=body), owner=owner, attachments=files)


def leaves(mail):
    return [
        (part.get_content_type(), part.get_content_disposition(), part.get_filename(), part["Content-ID"],
         part.get_payload(decode=True).replace(b"\r\n", b"\n"))
        for part in mail.walk() if not part.is_multipart()
    ]  # fmt: skip


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120).map(
    lambda text: clean_name(f"{text}.pdf")
) | st.sampled_from(
    ['a "b".pdf', "отчёт.pdf", "レポート.pdf", "x" * 95 + ".pdf", "👍" * 90 + ".pdf", "a;b=c.pdf"]
)


@settings(max_examples=150, deadline=None)
@given(names=st.lists(NAMES, max_size=3), inside=st.booleans(), eight_bit=st.booleans())
def test_both_ways_of_writing_carry_the_same_files(names, inside, eight_bit):
    files = [File(name, "application/pdf", PDF) for name in names]
    if inside:
        files.append(File("a.jpg", "image/jpeg", b"\xff\xd8" * 99, content_id="a.jpg@picture"))
    composer = composer_of(*files)
    recipient = Recipient(email="a@example.org", full_name="A", message_id="<1@example.com>")
    content = composer.write(recipient, eight_bit=eight_bit)
    fast, slow = parsed(content), parsed(composer.as_django(recipient).message().as_bytes())
    assert sorted(map(repr, leaves(fast))) == sorted(map(repr, leaves(slow)))
    assert not [part.defects for part in fast.walk() if part.defects]
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert len([name for name, _type, _data in files_in(content) if name]) >= len(names)


def test_what_is_attached_stands_beside_the_text_and_what_is_shown_inside_it():
    shown = File("a.jpg", "image/jpeg", b"\xff\xd8", content_id="a.jpg@picture")
    recipient = Recipient(email="a@example.org", full_name="A", message_id="<1@example.com>")

    def structure(*files):
        return [part.get_content_type() for part in
                parsed(composer_of(*files).write(recipient, eight_bit=True)).walk()]  # fmt: skip

    text = ["multipart/alternative", "text/plain", "text/html"]
    assert structure() == text
    assert structure(File("a.pdf", "application/pdf", PDF)) == ["multipart/mixed", *text, "application/pdf"]
    assert structure(shown) == ["multipart/related", *text, "image/jpeg"]
    assert structure(shown, File("a.pdf", "application/pdf", PDF)) == [
        "multipart/mixed", "multipart/related", *text, "image/jpeg", "application/pdf",
    ]  # fmt: skip


def test_a_file_arrives_as_it_was_and_a_run_keeps_what_it_began_with(owner, message, smtp):
    attach(message=message, upload=BytesIO(PDF), name="Отчёт за март.pdf")
    settle(message=message)
    make_mailing(owner, [ClientFactory(owner=owner), ClientFactory(owner=owner)], message=message)
    assert [files_in(mail.content) for mail in smtp.mails] == [
        [("Отчёт за март.pdf", "application/pdf", PDF)]
    ] * 2
    message.attachments.all().delete()
    remove_unused(now=timezone.now() + LATER)
    delivery = Delivery.objects.select_related("attempt__mailing__owner").first()
    assert files_in(mail_again(delivery)) == [("Отчёт за март.pdf", "application/pdf", PDF)]
    prune(before=timezone.now() + LATER)
    remove_unused(now=timezone.now() + LATER)
    assert stored() == []


def test_a_file_that_is_gone_holds_the_run_and_says_so(owner, message, smtp):
    row = attach(message=message, upload=BytesIO(PDF), name="a.pdf")
    settle(message=message)
    default_storage.delete(attachments.path_of(owner.pk, row.digest))
    make_mailing(owner, [ClientFactory(owner=owner)], message=message)
    attempt = Attempt.objects.get()
    assert smtp.recipients == [owner.email]  # who is told
    assert "“a.pdf” cannot be read" in attempt.problem
    assert attempt.held_at


def test_a_mail_too_large_for_the_server_is_not_begun(owner, message, smtp, monkeypatch):
    monkeypatch.setattr("mailer.transport.features._number", lambda _words: 50_000)
    attach(message=message, upload=BytesIO(b"%PDF-" + bytes(60_000)), name="a.pdf")
    settle(message=message)
    make_mailing(owner, [ClientFactory(owner=owner)], message=message)
    assert smtp.recipients == [owner.email]
    assert "the mail server takes 50000" in Attempt.objects.get().problem
    assert Delivery.objects.get().tries == 0


def test_the_same_file_is_kept_once_for_an_owner(owner, message):
    first = attach(message=message, upload=BytesIO(PDF), name="a.pdf")
    assert attach(message=message, upload=BytesIO(PDF), name="a.pdf") == first
    attach(message=message, upload=BytesIO(PDF), name="b.pdf")
    other = MessageFactory(owner=owner)
    copy_attachments(source=message, to=other)
    assert [row.name for row in other.attachments.all()] == ["a.pdf", "b.pdf"]
    assert stored() == [first.digest]
    attach(message=MessageFactory(), upload=BytesIO(PDF), name="a.pdf")
    assert stored() == [first.digest] * 2


def test_nothing_of_a_deleted_account_stays_on_disk(owner, message, superuser):
    attach(message=message, upload=BytesIO(PDF), name="a.pdf")
    keep_picture(owner=owner, upload=BytesIO(picture()), name="x.png")
    other = UserFactory()
    kept = keep_picture(owner=other, upload=BytesIO(picture()), name="x.png")
    assert (len(stored()), len(stored(FOLDER))) == (1, 2)
    delete_account(user=owner, by=superuser)
    remove_unused()
    assert len(stored()) == 1  # a file may be older than its row by a moment
    remove_unused(now=timezone.now() + LATER)
    assert (stored(), stored(FOLDER)) == ([], [kept.file])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", PDF),
        ("a.PDF", PDF),
        ("a.png", picture()),
        ("a.jpg", picture("JPEG")),
        ("a.txt", "Привет".encode("cp1251")),
        ("a.csv", "имя;город\r\n".encode()),
        ("a.zip", archive(a__b="x", **{"c.pdf": b"x"})),
        ("a.docx", archive(**{"[Content_Types].xml": "x", "word__document.xml": "x"})),
        ("a.odt", archive(mimetype="x", **{"content.xml": "x"})),
    ],
)
def test_what_may_go(name, data):
    assert content_type_of(name, data)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.exe", b"MZ", "kind"),
        ("a", PDF, "kind"),
        ("pdf", PDF, "kind"),
        (".pdf", b"MZ", "content"),
        ("a.pdf", b"", "empty"),
        ("a.pdf", b"MZ" + bytes(2000) + b"%PDF-", "content"),
        ("a.png", PDF, "content"),
        ("a.html", b"<script>", "kind"),
        ("a.svg", b"<svg>", "kind"),
        ("a.txt", b"MZ\x90\x00", "content"),
        ("a.txt", b"<p><SCRIPT>", "content"),
        ("a.zip", b"PK\x03\x04", "content"),
        ("a.zip", archive(**{"b__run.EXE": "x"}), "content"),
        ("a.zip", archive(**{"x.js": "x"}), "content"),
        ("a.docx", archive(**{"[Content_Types].xml": "x", "word__vbaProject.bin": "x"}), "content"),
        ("a.docm", archive(**{"[Content_Types].xml": "x"}), "kind"),
        ("a.docx", archive(a="x"), "content"),
    ],
)
def test_what_may_not_go(name, data, code):
    with pytest.raises(ValidationError) as caught:
        content_type_of(name, data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\x\\a.pdf", "a.pdf"),
        ("a\r\nBcc: x.pdf", "aBcc x.pdf"),
        ("fdp.\u202eexe.pdf", "fdp.exe.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("", ""),
        ("..", ""),
    ],
)
def test_a_name_is_one_line_and_no_path(name, clean):
    assert clean_name(name) == clean


def test_the_page_takes_lists_and_removes_files(browser, owner, message, stranger, client_of):
    url = f"/messages/{message.pk}/edit/"
    form = {"subject": "Typed", "format": "html", "body": "<p>x</p>", "do": "attach"}
    headers = {"HX-Request": "true", "HX-Target": "attachments"}
    upload = SimpleUploadedFile("a<b>.pdf", PDF)
    answer = browser.post(url, {**form, "attachment": upload}, headers=headers)
    row = Attachment.objects.get()
    assert (row.name, row.size) == ("ab.pdf", len(PDF))
    assert f'value="detach:{row.pk}"' in answer.content.decode()
    file = browser.get(f"/messages/attachments/{row.pk}/")
    assert b"".join(file.streaming_content) == PDF
    assert file["Content-Type"] == "application/octet-stream"
    assert file["Content-Disposition"] == 'attachment; filename="ab.pdf"'
    assert client_of(stranger).get(f"/messages/attachments/{row.pk}/").status_code == 404
    theirs = attach(message=MessageFactory(owner=stranger), upload=BytesIO(PDF), name="c.pdf")
    for what in (theirs.pk, "x", "9" * 40, ""):
        browser.post(url, {**form, "do": f"detach:{what}"})
    assert Attachment.objects.count() == 2
    browser.post(url, {**form, "do": f"detach:{row.pk}"})
    assert list(Attachment.objects.all()) == [theirs]


def test_files_are_part_of_the_draft(browser, owner, message, smtp):
    """Runs send what was saved; what was added or removed since waits for it, as the text does."""
    [kept, removed] = [attach(message=message, upload=BytesIO(PDF), name=name) for name in ("a.pdf", "b.pdf")]
    settle(message=message)
    url = f"/messages/{message.pk}/edit/"
    form = {"subject": message.subject, "format": "html", "body": message.body}

    def sent():
        make_mailing(owner, [ClientFactory(owner=owner)], message=message)
        return [name for name, _type, _data in files_in(smtp.mails[-1].content)]

    def drafted():
        return [row.name for row in message.attachments.written()]

    browser.post(url, {**form, "do": f"detach:{removed.pk}"})
    page = browser.post(
        url, {**form, "do": "attach", "attachment": SimpleUploadedFile("c.pdf", PDF)}, follow=True
    )
    assert "Draft saved" in page.content.decode()
    assert (drafted(), sent()) == (["a.pdf", "c.pdf"], ["a.pdf", "b.pdf"])
    browser.post(f"/messages/{message.pk}/versions/", {"version": "saved"})
    assert (drafted(), sent()) == (["a.pdf", "b.pdf"], ["a.pdf", "b.pdf"])
    browser.post(url, {**form, "do": f"detach:{removed.pk}"})
    browser.post(url, {**form, "do": "save", "attachment": SimpleUploadedFile("d.pdf", PDF)})
    assert (drafted(), sent()) == (["a.pdf", "d.pdf"], ["a.pdf", "d.pdf"])
    assert not MessageDraft.objects.filter(message=message).exists()
    assert message.attachments.get(name="a.pdf") == kept


def test_a_removed_file_can_be_attached_again(message):
    row = attach(message=message, upload=BytesIO(PDF), name="a.pdf")
    settle(message=message)
    detach(message=message, pk=row.pk)
    assert attach(message=message, upload=BytesIO(PDF), name="a.pdf") == row
    assert Attachment.objects.get().draft == ""


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.exe", b"MZ", "Files of this kind cannot be attached"),
        ("a.pdf", b"no", "does not match its name"),
        (None, b"", "Choose a file first"),
    ],
)
def test_the_page_says_what_is_wrong(browser, message, name, data, text):
    form: dict[str, Any] = {"subject": "S", "format": "html", "body": "<p>x</p>", "do": "attach"}
    if name:
        form["attachment"] = SimpleUploadedFile(name, data)
    answer = browser.post(f"/messages/{message.pk}/edit/", form, follow=True)
    assert text in answer.content.decode()
    assert not Attachment.objects.exists()


def test_all_files_together_have_a_limit(message, monkeypatch):
    monkeypatch.setattr(attachments, "LARGEST", 2 * len(PDF))
    monkeypatch.setattr(attachments, "MOST", 2)
    for name in ("a.pdf", "b.pdf"):
        attach(message=message, upload=BytesIO(PDF), name=name)
    with pytest.raises(ValidationError, match="All attachments together"):
        attach(message=message, upload=BytesIO(PDF), name="c.pdf")
    message.attachments.last().delete()
    attach(message=message, upload=BytesIO(b"%PDF-"), name="c.pdf")
    with pytest.raises(ValidationError, match="At most 2 files"):
        attach(message=message, upload=BytesIO(b"%PDF-"), name="d.pdf")


def test_one_user_does_not_fill_the_disk(owner, stranger, message, settings, monkeypatch):
    """Files count once, however many messages have them; pictures count too."""
    monkeypatch.setattr(room, "MEGABYTE", len(PDF))
    settings.FILES_PER_USER_MB = 2
    messages = [message, MessageFactory(owner=owner), MessageFactory(owner=owner)]
    for one in messages:
        attach(message=one, upload=BytesIO(PDF), name="a.pdf")
    Picture.objects.create(owner=owner, name="x", file="x", width=1, height=1, size=len(PDF))
    with pytest.raises(ValidationError, match="Your pictures and attachments together may have up to 2 MB"):
        attach(message=message, upload=BytesIO(b"%PDF-"), name="b.pdf")
    red = BytesIO()
    Image.new("RGB", (9, 9), "red").save(red, "PNG")
    with pytest.raises(ValidationError, match="Delete some first"):
        keep_picture(owner=owner, upload=red, name="red.png")
    assert Picture.objects.get().name == "x"
    attach(message=MessageFactory(owner=stranger), upload=BytesIO(PDF), name="a.pdf")  # another's disk
    settings.GUARD = False
    attach(message=message, upload=BytesIO(b"%PDF-"), name="b.pdf")


def test_a_picture_goes_in_the_mail_if_its_block_says_so(owner, smtp, browser):
    row = keep_picture(owner=owner, upload=BytesIO(picture()), name="x.png")
    block = {"id": "b1", "type": "picture", "picture": str(row.pk), "alt": "A hill", "inside": "on"}
    body = html_of(read({"blocks": [block]}), pictures=pictures_of(owner))
    assert f'src="{inside(row)}"' in body
    message = MessageFactory(owner=owner, body=body)
    make_mailing(owner, [ClientFactory(owner=owner)], message=message)
    [mail] = smtp.mails
    related = mail.parsed
    assert related.get_content_type() == "multipart/related"
    [shown] = [part for part in related.walk() if part.get_content_maintype() == "image"]
    assert shown["Content-ID"] == f"<{inside(row).removeprefix('cid:')}>"
    assert shown.get_content_disposition() == "inline"
    page = browser.get(f"/messages/{message.pk}/preview/html/").content.decode()
    assert "cid:" not in page
    assert f"/pictures/{row.file}" in page
