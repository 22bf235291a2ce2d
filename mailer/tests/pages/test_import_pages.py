"""Import as a page: upload, look, correct, run, stop, take back."""

import io
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailer.models import Client, ClientImport, Suppression
from testing.factories import (
    ClientGroupFactory,
)
from testing.imports import PLAIN, UPLOAD, begin, draft, form_of, many, page, send
from testing.workbooks import inline, workbook

pytestmark = pytest.mark.django_db


def test_a_file_is_looked_at_corrected_and_taken_in(owner, browser, queue):
    upload = draft(browser)
    html = " ".join(browser.get(page(upload)).content.decode().split())
    assert "anna@example.org · Anna" in html
    assert 'Enter a valid email address. <span class="optional">nobody' in html
    assert "boris@example.org · unsubscribed" in html
    assert not Client.objects.exists()
    answer = begin(browser, upload, queue, new_group="Fair")
    assert answer.status_code == 302
    assert (upload.status, upload.created, upload.suppressed, upload.refused) == ("finished", 1, 1, 1)
    client = Client.objects.get()
    assert (client.email, client.full_name, client.owner) == ("anna@example.org", "Anna", owner)
    assert client.imported_in == upload
    assert [group.name for group in client.groups.all()] == ["Fair"]
    assert Suppression.objects.get().email == "boris@example.org"
    assert not upload.path.exists()
    html = browser.get(page(upload)).content.decode()
    assert "every 1s" not in html
    assert 'Enter a valid email address. <span class="optional">nobody</span>' in " ".join(html.split())
    file = browser.get(reverse("import_refused", args=[upload.pk]))
    assert b"".join(file.streaming_content).decode("utf-8-sig").splitlines() == [
        "line,value,reason",
        "3,nobody,Enter a valid email address.",
    ]


def test_pasted_lines_are_a_file_too(browser, queue):
    answer = browser.post(UPLOAD, {"text": "Anna Lee <anna@example.org>\nb@example.org\n"})
    upload = ClientImport.objects.get()
    assert answer["Location"] == page(upload)
    begin(browser, upload, queue)
    assert list(Client.objects.order_by("pk").values_list("email", "full_name")) == [
        ("anna@example.org", "Anna Lee"),
        ("b@example.org", ""),
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "It is empty."),
        (b"\x89PNG\r\n\x1a\n\0\0\0\0\0", "It can be read neither as text nor as a workbook."),
        (b"PK\x03\x04 no zip", "This workbook cannot be read: the file is damaged or cut off."),
        (
            workbook(inline(*"abc"))[:300],
            "This workbook cannot be read: the file is damaged or cut off.",
        ),
    ],
)
def test_what_is_no_list_is_refused_in_words_and_leaves_nothing(browser, settings, data, why):
    before = set(settings.IMPORT_DIR.glob("*.upload"))
    answer = send(browser, data)
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"][0].startswith(why)
    assert not ClientImport.objects.exists()
    assert set(settings.IMPORT_DIR.glob("*.upload")) == before


def test_nothing_at_all_is_refused(browser):
    answer = browser.post(UPLOAD, {})
    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors() == ["Choose a file, or paste lines."]


def test_a_file_without_addresses_can_be_mapped_or_says_so(browser, queue):
    upload = draft(browser, "Kunde,Anschrift\nAnna,anna at example\n")
    answer = browser.post(page(upload), {**form_of(browser, upload), "start": "1"})
    assert answer.status_code == 422
    assert "has no column “email”, only “Kunde”, “Anschrift”" in answer.content.decode()
    upload.refresh_from_db()
    assert upload.status == "draft"


def test_a_request_that_is_too_large_is_not_read(browser, settings):
    class Unread(io.BytesIO):
        def read(self, *_size):
            raise AssertionError("It was read.")

    settings.IMPORT_LIMIT_MB = 1
    answer = browser.generic(
        "POST",
        UPLOAD,
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH="90000000",  # less than any request may have: UPLOAD_LIMIT_MB
        **{"wsgi.input": Unread()},
    )
    assert answer.status_code == 413
    assert "The file is larger than 1 MB." in answer.content.decode()


def test_a_file_that_is_too_large_is_refused(browser, settings):
    settings.IMPORT_LIMIT_MB = 1
    answer = send(browser, b"email\n" + b"x" * 1_000_100)
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"][0].startswith("The file is larger than 1 MB.")


def test_too_much_to_paste_is_said(browser):
    answer = browser.post(UPLOAD, {"text": "a@example.org\n" * 200_000})
    assert answer.status_code == 413
    assert "That is too much to paste." in answer.content.decode()


def test_an_upload_needs_the_token_of_its_form(owner):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert send(browser, PLAIN).status_code == 403
    assert not ClientImport.objects.exists()


def test_how_it_is_read_can_be_corrected(browser):
    upload = draft(browser, "Имя;Почта\nАня;a@example.org\n".encode("koi8-r"))
    answer = browser.post(page(upload), {**form_of(browser, upload, encoding="koi8-r"), "again": "1"})
    assert answer.status_code in (200, 302)
    assert browser.get(page(upload)).context["lines"][0].row.full_name == "Аня"
    browser.post(page(upload), {**form_of(browser, upload, delimiter=","), "again": "1"})
    upload.refresh_from_db()
    assert upload.layout["delimiter"] == ","


def test_a_heading_can_be_told_to_be_none(browser, queue):
    upload = draft(browser, "email,name\na@example.org,Anna\n")
    data = form_of(browser, upload)
    del data["heading"]
    browser.post(page(upload), data)
    upload.refresh_from_db()
    assert upload.layout["heading"] == 0
    assert browser.get(page(upload)).context["lines"][0].why == "Enter a valid email address."


def test_a_made_up_encoding_is_no_error_page(browser):
    upload = draft(browser)
    answer = browser.post(page(upload), {**form_of(browser, upload, encoding="base64"), "again": "1"})
    assert answer.status_code == 302
    assert "There is no such encoding." in browser.get(page(upload)).content.decode()


def test_columns_are_mapped_by_hand_and_the_preview_follows(browser, queue):
    upload = draft(browser, "Kunde,A,B\nAnna,x@example.org,y@example.org\n")
    data = form_of(browser, upload, column_0="full_name", column_1="", column_2="email")
    live = browser.post(page(upload), data, headers={"HX-Request": "true", "HX-Target": "import-preview"})
    assert live.status_code == 200
    assert "y@example.org · Anna" in " ".join(live.content.decode().split())
    assert "<html" not in live.content.decode()
    begin(browser, upload, queue, column_0="full_name", column_1="", column_2="email")
    assert Client.objects.get().email == "y@example.org"


def test_a_long_list_needs_an_origin_and_a_date_of_consent(browser, queue):
    small = draft(browser, many(200))
    begin(browser, small, queue)
    assert small.status == "finished"
    upload = draft(browser, many(201))
    answer = begin(browser, upload, queue)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"origin", "consent_on"}
    assert upload.status == "draft"
    tomorrow = timezone.localdate() + timedelta(days=2)
    answer = begin(browser, upload, queue, origin="other", consent_on=tomorrow)
    assert set(answer.context["form"].errors) == {"origin_note", "consent_on"}
    begin(browser, upload, queue, origin="form", consent_on="2026-01-02", origin_note="example.com/news")
    assert (upload.status, upload.origin, upload.origin_note) == ("finished", "form", "example.com/news")
    assert (upload.created, upload.unchanged) == (1, 200)


def test_another_s_group_is_not_a_choice(browser, stranger, queue):
    group = ClientGroupFactory(owner=stranger)
    upload = draft(browser)
    answer = begin(browser, upload, queue, group=group.pk)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"group"}


@pytest.mark.parametrize("name", ["import_detail", "import_stop", "import_take_back", "import_refused"])
def test_another_s_import_is_not_there(browser, stranger, client_of, name):
    upload = draft(client_of(stranger))
    url = reverse(name, args=[upload.pk])
    method = browser.post if name in ("import_stop", "import_detail") else browser.get
    assert method(url).status_code == 404


def test_a_draft_is_started_once(browser, queue):
    upload = draft(browser)
    data = {**form_of(browser, upload), "start": "1"}
    for _again in range(2):
        with queue(execute=True):
            assert browser.post(page(upload), data).status_code == 302
    upload.refresh_from_db()
    assert (upload.created, upload.unchanged) == (1, 0)


def test_repeating_an_import_changes_nothing(browser, queue):
    begin(browser, draft(browser), queue)
    before = list(Client.objects.values())
    again = draft(browser)
    begin(browser, again, queue)
    assert (again.created, again.changed, again.unchanged) == (0, 0, 1)
    assert list(Client.objects.values()) == before
