"""Import as a page: upload, look, correct, run, stop, take back."""

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailer.audience.importing import running, uploads, writing
from mailer.models import Client, ClientGroup, ClientImport, Suppression
from site_config.shutdown import STOPPING
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
)
from testing.workbooks import inline, workbook

pytestmark = pytest.mark.django_db
UPLOAD = "/clients/import/"
PLAIN = "email,name,status\nanna@example.org,Anna,active\nnobody,N,\nboris@example.org,Борис,unsubscribed\n"


@pytest.fixture
def queue(django_capture_on_commit_callbacks):
    return django_capture_on_commit_callbacks


def send(browser, data, name="clients.csv", url=UPLOAD, **more):
    content = data.encode() if isinstance(data, str) else data
    return browser.post(url, {"file": SimpleUploadedFile(name, content), **more})


def draft(browser, data=PLAIN, **how):
    answer = send(browser, data, **how)
    assert answer.status_code == 302, answer.context["form"].errors
    return ClientImport.objects.latest("pk")


def page(upload):
    return reverse("import_detail", args=[upload.pk])


def form_of(browser, upload, **changes):
    """What the page's form sends as it stands, with these changes."""
    form = browser.get(page(upload)).context["form"]
    data = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in {**data, **changes}.items() if value not in (None, False)}


def begin(browser, upload, queue, **changes):
    with queue(execute=True):
        answer = browser.post(page(upload), {**form_of(browser, upload, **changes), "start": "1"})
    upload.refresh_from_db()
    return answer


def test_a_file_is_looked_at_corrected_and_taken_in(owner, browser, queue):
    upload = draft(browser)
    html = " ".join(browser.get(page(upload)).content.decode().split())
    assert "anna@example.org · Anna" in html
    assert "Enter a valid email address." in html
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
        (b"\x89PNG\r\n\x1a\n\0\0\0\0\0", "It is no text and no workbook that can be read."),
        (b"PK\x03\x04 no zip", "It is no workbook that can be read: the file is damaged or cut off."),
        (
            workbook(inline(*"abc"))[:300],
            "It is no workbook that can be read: the file is damaged or cut off.",
        ),
    ],
)
def test_what_is_no_list_is_refused_in_words_and_leaves_nothing(browser, settings, data, why):
    answer = send(browser, data)
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"][0].startswith(why)
    assert not ClientImport.objects.exists()
    assert not list(Path(settings.IMPORT_DIR).glob("*.upload"))


def test_nothing_at_all_is_refused(browser):
    answer = browser.post(UPLOAD, {})
    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors() == ["Choose a file, or paste lines."]


def test_a_file_without_addresses_can_be_mapped_or_says_so(browser, queue):
    upload = draft(browser, "Kunde,Anschrift\nAnna,anna at example\n")
    answer = browser.post(page(upload), {**form_of(browser, upload), "start": "1"})
    assert answer.status_code == 422
    assert "names no column “email”, but “Kunde”, “Anschrift”" in answer.content.decode()
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


def many(number=201):
    return "email\n" + "".join(f"c{n}@example.org\n" for n in range(number))


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


def queued(browser, data):
    upload = draft(browser, data)
    uploads.start(upload=upload, choice=uploads.Choice(layout=uploads.layout_of(upload)))
    upload.refresh_from_db()
    return upload


def test_it_is_stopped_between_two_batches(browser, monkeypatch):
    monkeypatch.setattr("mailer.audience.importing.BATCH", 2)
    upload = queued(browser, many(6))
    written = writing.Writer.write

    def write_and_stop(self, batch, *, also):
        result = written(self, batch, also=also)
        browser.post(reverse("import_stop", args=[upload.pk]))
        return result

    monkeypatch.setattr(writing.Writer, "write", write_and_stop)
    running.run_import(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.created, Client.objects.count()) == ("stopped", 2, 2)
    running.run_import(upload.pk)
    assert Client.objects.count() == 2


def test_a_worker_that_ends_leaves_the_rest_to_another(browser, monkeypatch):
    monkeypatch.setattr("mailer.audience.importing.BATCH", 2)
    lines = "email\nbad1\n" + "".join(f"c{n}@example.org\nbad{n}\n" for n in range(6))
    upload = queued(browser, lines)
    written = writing.Writer.write

    def write_and_end(self, batch, *, also):
        STOPPING.set()
        return written(self, batch, also=also)

    monkeypatch.setattr(writing.Writer, "write", write_and_end)
    counts = []
    while upload.status != "finished":
        STOPPING.clear()
        running.run_import(upload.pk)
        upload.refresh_from_db()
        counts.append((Client.objects.count(), upload.created, upload.refused))
    assert counts == [(1, 1, 2), (3, 3, 3), (4, 4, 5), (6, 6, 7)]
    assert (upload.status, upload.created, upload.unchanged, upload.refused) == ("finished", 6, 0, 7)
    assert len(upload.refused_path.read_text("utf-8-sig").splitlines()) == 8


def test_a_worker_that_was_killed_is_noticed(browser):
    upload = queued(browser, PLAIN)
    ClientImport.objects.filter(pk=upload.pk).update(status="running", alive_at=timezone.now())
    running.run_import(upload.pk)
    assert not Client.objects.exists()
    assert running.waiting() == []
    ClientImport.objects.filter(pk=upload.pk).update(alive_at=timezone.now() - timedelta(minutes=3))
    assert running.waiting() == [(upload.pk, False)]
    running.run_import(upload.pk)
    assert Client.objects.count() == 1


def test_no_more_than_two_go_on_at_once(browser):
    first, second, third = (queued(browser, PLAIN) for _number in range(3))
    for upload in (first, second):
        ClientImport.objects.filter(pk=upload.pk).update(status="running", alive_at=timezone.now())
    running.run_import(third.pk)
    third.refresh_from_db()
    assert third.status == "queued"


def test_a_blocked_owner_s_import_does_not_go_on(owner, browser):
    upload = queued(browser, PLAIN)
    type(owner).objects.filter(pk=owner.pk).update(is_active=False)
    running.run_import(upload.pk)
    assert not Client.objects.exists()


def test_a_group_or_a_file_that_is_gone_is_said(browser):
    upload = queued(browser, PLAIN)
    upload.path.unlink()
    running.run_import(upload.pk)
    upload.refresh_from_db()
    assert (upload.status, upload.problem) == ("failed", "The file is not there any more. Upload it again.")


def test_a_file_that_turns_out_to_be_broken_is_said(browser, monkeypatch):
    data = workbook(inline("email") + "".join(inline(f"c{n}@example.org") for n in range(9)))
    upload = queued(browser, data)
    monkeypatch.setattr("mailer.audience.importing.xlsx.LARGEST_PART", 200)
    running.run_import(upload.pk)
    upload.refresh_from_db()
    assert upload.status == "failed"
    assert upload.problem.startswith("This workbook is too large")


def test_what_was_imported_is_taken_back_but_for_who_got_mail(owner, browser, queue):
    ClientFactory(owner=owner, email="c0@example.org")
    upload = draft(browser, many(4))
    begin(browser, upload, queue)
    mailed = Client.objects.get(email="c1@example.org")
    attempt = AttemptFactory(mailing=MailingFactory(message__owner=owner))
    DeliveryFactory(attempt=attempt, client=mailed)
    url = reverse("import_take_back", args=[upload.pk])
    assert "Remove the 3 clients" in browser.get(url).content.decode()
    for _again in range(2):
        with queue(execute=True):
            assert browser.post(url).status_code == 302
    upload.refresh_from_db()
    assert (upload.status, upload.retracted, upload.kept) == ("retracted", 2, 1)
    assert set(Client.objects.values_list("email", flat=True)) == {"c0@example.org", "c1@example.org"}
    assert "cannot be taken back now" in browser.get(url).content.decode()


def test_a_stop_list_of_another_service(owner, browser, queue):
    data = "email,reason,since\nx@example.org,bounced,2024-05-06\ny@example.org,,\nbad,,\n"
    upload = draft(browser, data, url="/clients/stop-list/import/")
    assert upload.to_stop_list == "added"
    begin(browser, upload, queue)
    assert (upload.created, upload.suppressed, upload.refused) == (0, 2, 1)
    found = {stop.email: stop for stop in Suppression.objects.owned_by(owner)}
    assert {email: stop.reason for email, stop in found.items()} == {
        "x@example.org": "bounced",
        "y@example.org": "added",
    }
    assert found["x@example.org"].created_at.date().isoformat() == "2024-05-06"
    assert not Client.objects.exists()


def test_files_and_drafts_are_forgotten(browser, queue):
    old, fresh = draft(browser), draft(browser)
    done = draft(browser)
    begin(browser, done, queue)
    week = timezone.now() - timedelta(days=40)
    ClientImport.objects.filter(pk__in=[old.pk, done.pk]).update(created_at=week)
    assert done.refused_path.exists()
    assert uploads.forget_files() == 2
    assert set(ClientImport.objects.values_list("pk", flat=True)) == {fresh.pk, done.pk}
    assert fresh.path.exists()
    assert not done.refused_path.exists()
    assert not old.path.exists()


def test_the_progress_is_polled_until_it_ends(browser):
    upload = queued(browser, PLAIN)
    html = browser.get(page(upload)).content.decode()
    assert 'hx-trigger="every 1s"' in html
    part = browser.get(page(upload), headers={"HX-Request": "true", "HX-Target": "import-state"})
    assert part.content.decode().lstrip().startswith('<div id="import-state"')
    running.run_import(upload.pk)
    part = browser.get(page(upload), headers={"HX-Request": "true", "HX-Target": "import-state"})
    assert "every 1s" not in part.content.decode()


def test_names_of_files_are_only_names(browser, settings):
    upload = draft(browser, name="../../<b>x\u202e.csv")
    assert upload.path.parent == settings.IMPORT_DIR
    assert re.fullmatch(r"[0-9a-f-]{36}\.upload", upload.path.name)
    assert "<b>x" not in browser.get(page(upload)).content.decode()


def test_lists_link_to_import_export_and_stop_list(owner, browser):
    ClientFactory(owner=owner)
    html = browser.get("/clients/?q=client").content.decode()
    for link in ("/clients/import/", "/clients/stop-list/", "/clients/export/?q=client&amp;format=xlsx"):
        assert f'href="{link}"' in html
    assert ClientGroup.objects.count() == 0
