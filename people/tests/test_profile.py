"""One's own profile, picture and the end of one's account."""

import struct
import zlib
from io import BytesIO

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from PIL import Image

from mailer.models import Attempt, Client, Delivery, Mailing, Message
from people import access
from people.forms.profile import ProfileForm
from people.models import AuditEntry, User
from testing.factories import PASSWORD, AttemptFactory, DeliveryFactory, MailingFactory

URL = "/accounts/profile/"
FORM = {"name": "Olga", "company": "ACME", "time_zone": "Asia/Tokyo", "language": "ru"}


def picture(kind="PNG", size=(600, 300), mode="RGB", **options):
    out = BytesIO()
    Image.new(mode, size, "red").save(out, kind, **options)
    return SimpleUploadedFile(f"me.{kind.lower()}", out.getvalue())


def bomb():
    """A PNG of a few bytes that says it is 60,000 by 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return SimpleUploadedFile("bomb.png", b"\x89PNG\r\n\x1a\n" + data)


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_the_profile_is_saved_and_spoken(browser, owner):
    assert browser.post(URL, FORM)["Location"] == URL
    owner.refresh_from_db()
    assert (owner.name, owner.company, owner.time_zone, owner.language) == (
        "Olga",
        "ACME",
        "Asia/Tokyo",
        "ru",
    )
    assert '<html lang="ru">' in browser.get(URL).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "a\r\nBcc: b@example.com", "Line breaks and control characters are not allowed here."),
        ("name", "x" * 151, "Ensure this value has at most 150 characters (it has 151)."),
        ("company", "a\nb", "Line breaks and control characters are not allowed here."),
        ("time_zone", "Mars/Base", "Choose a time zone from the list"),
        ("time_zone", "", "This field is required."),
        ("language", "xx", "Select a valid choice."),
        ("avatar", SimpleUploadedFile("a.png", b"<svg onload=alert(1)>"), "We cannot read this picture."),
        ("avatar", SimpleUploadedFile("a.png", b""), "The submitted file is empty."),
        ("avatar", SimpleUploadedFile("a.png", b"x" * 5_000_001), "The picture is larger than 5 MB."),
        ("avatar", bomb(), "The picture has more than 12 million pixels"),
        ("avatar", picture("BMP"), "We cannot read this picture."),
        (
            "avatar",
            SimpleUploadedFile("a.jpg", b"\xff\xd8\xff\xe0" + b"x" * 500),
            "We cannot read this picture.",
        ),
    ],
)
def test_bad_profiles(field, value, says, browser, owner):
    if hasattr(value, "seek"):
        value.seek(0)
    answer = browser.post(URL, {**FORM, field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert answer.context["form"].errors[field][0].startswith(says)
    owner.refresh_from_db()
    assert (owner.name, owner.avatar.name) == ("Olga Owner", "")


def test_markup_in_a_name_is_text(browser):
    browser.post(URL, {**FORM, "name": "<script>alert(1)</script>"})
    assert "<script>alert" not in browser.get(URL).content.decode()


@pytest.mark.parametrize(
    "upload", [picture(), picture("JPEG"), picture("WEBP"), picture("GIF", mode="P"), picture(mode="LA")]
)
def test_a_picture_is_made_anew(upload, browser, owner, tmp_path):
    upload.seek(0)
    browser.post(URL, {**FORM, "avatar": upload})
    answer = browser.get(reverse("user_avatar", args=[owner.pk]))
    assert answer["Content-Type"] == "image/webp"
    with Image.open(BytesIO(b"".join(answer.streaming_content))) as image:
        assert (image.format, image.size) == ("WEBP", (256, 256))
    assert len(list(tmp_path.glob("avatars/*"))) == 1


def test_pictures_one_after_the_other_are_refused_before_they_are_decoded(browser, owner, monkeypatch):
    cache.clear()
    for _ in range(20):
        assert browser.post(URL, {**FORM, "avatar": picture(size=(20, 20))}).status_code == 302
    monkeypatch.setattr(Image, "open", lambda *args, **options: pytest.fail("it was decoded"))
    answer = browser.post(URL, {**FORM, "avatar": picture(size=(20, 20))})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {
        "avatar": ["Слишком много изображений за час. Подождите немного."]
    }
    assert browser.post(URL, FORM).status_code == 302
    cache.clear()


def test_nothing_of_the_upload_but_its_pixels_is_kept(browser, owner, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    browser.post(URL, {**FORM, "avatar": picture("JPEG", exif=exif)})
    [stored] = tmp_path.glob("avatars/*")
    assert b"secret" not in stored.read_bytes()


def test_a_picture_is_replaced_and_removed(browser, owner, tmp_path):
    for _ in range(2):
        browser.post(URL, {**FORM, "avatar": picture()})
        assert len(list(tmp_path.glob("avatars/*"))) == 1
    browser.post(URL, {**FORM, "remove_avatar": "on"})
    assert list(tmp_path.glob("avatars/*")) == []
    assert browser.get(reverse("user_avatar", args=[owner.pk])).status_code == 404


def test_a_picture_is_for_those_who_see_the_user(browser, owner, stranger, manager, client_of):
    browser.post(URL, {**FORM, "avatar": picture()})
    url = reverse("user_avatar", args=[owner.pk])
    assert client_of(stranger).get(url).status_code == 404
    assert Browser().get(url).status_code == 302
    answer = client_of(manager).get(url)
    assert answer.status_code == 200
    answer.close()


def test_the_footer_s_language_becomes_the_user_s(browser, owner):
    browser.post(
        "/i18n/setlang/", {"language": "ru"}, headers={"referer": "http://testserver/accounts/profile/"}
    )
    owner.refresh_from_db()
    assert owner.language == "ru"
    for bad in ("xx", "", "<b>", "x" * 5000):
        assert browser.post("/i18n/setlang/", {"language": bad}).status_code == 302
    owner.refresh_from_db()
    assert owner.language == "ru"
    assert browser.get("/i18n/setlang/").status_code == 405


def test_delete_my_account_says_what_goes_asks_for_the_password_and_removes_it_all(browser, owner, stranger):
    message = MailingFactory(message__owner=owner).message
    attempt = AttemptFactory(mailing__message=message)
    DeliveryFactory(attempt=attempt)
    kept = MailingFactory(message__owner=stranger)
    html = browser.get("/accounts/delete/").content.decode()
    for line in ("1 client", "1 message", "2 mailings", "the report of 1 run"):
        assert f"<li>{line}</li>" in html
    for wrong in ("", "wrong", "x" * 5000):
        answer = browser.post("/accounts/delete/", {"password": wrong})
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == ["password"]
    assert User.objects.filter(pk=owner.pk).exists()
    answer = browser.post("/accounts/delete/", {"password": PASSWORD})
    assert answer["Location"] == "/accounts/login/"
    assert list(User.objects.all()) == [stranger]
    assert [list(model.objects.all()) for model in (Mailing, Message)] == [[kept], [kept.message]]
    assert not any(model.objects.exists() for model in (Attempt, Delivery, Client))
    assert browser.get("/mailings/").status_code == 302
    assert AuditEntry.objects.filter(action="user_deleted").get().actor == "owner@example.com"


def test_the_password_to_delete_an_account_cannot_be_guessed(browser, owner):
    answers = [browser.post("/accounts/delete/", {"password": f"guess-{n}"}).status_code for n in range(12)]
    assert answers == [422] * 10 + [429] * 2
    assert browser.post("/accounts/delete/", {"password": PASSWORD}).status_code == 429
    assert User.objects.filter(pk=owner.pk).exists()


def test_the_last_superuser_stays(superuser, client_of):
    answer = client_of(superuser).post("/accounts/delete/", {"password": PASSWORD})
    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors() == [
        "You are the last superuser. Make another one first."
    ]
    assert User.objects.count() == 1


def test_a_block_while_the_form_was_open_stays(owner, client_of, manager, monkeypatch):
    """The form loads the user, a manager blocks, the form saves."""
    real = ProfileForm.is_valid

    def late(form):
        valid = real(form)
        access.block(user=User.objects.get(pk=owner.pk), by=manager, reason="spam")
        return valid

    monkeypatch.setattr(ProfileForm, "is_valid", late)
    data = {"name": "New name", "time_zone": "Europe/Moscow", "language": "en"}
    assert client_of(owner).post("/accounts/profile/", data).status_code == 302
    owner.refresh_from_db()
    assert (owner.name, owner.is_active, owner.blocked_reason) == ("New name", False, "spam")
