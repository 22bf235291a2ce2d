"""An import on its way: stopped, lost, handed on, taken back."""

import os
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.audience.importing import running, uploads, writing
from mailer.models import Client, ClientGroup, ClientImport, Suppression
from site_config.shutdown import STOPPING
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
)
from testing.imports import PLAIN, begin, draft, many, page
from testing.workbooks import inline, workbook

pytestmark = pytest.mark.django_db


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
    assert (upload.status, upload.problem) == ("failed", "The file is gone. Upload it again.")


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


def test_what_a_deleted_user_left_behind_is_forgotten(owner, browser, settings):
    gone, fresh = draft(browser), draft(browser)
    beside = settings.IMPORT_DIR / "notes.txt"
    beside.touch()
    days_ago = (timezone.now() - timedelta(days=2)).timestamp()
    for path in (gone.path, beside):
        os.utime(path, (days_ago, days_ago))
    owner.delete()
    assert uploads.forget_files() == 1
    assert [path.exists() for path in (gone.path, fresh.path, beside)] == [False, True, True]


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
