"""All that an owner has as one file: made by the consumer, for its owner alone, gone after a week."""

import io
import zipfile
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.audience import archives
from mailer.models import Archive, Suppression
from mailer.reporting import archiving
from people.accounts import delete_account
from people.models import AuditEntry, Notification
from site_config.shutdown import STOPPING
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.ARCHIVE_DIR = tmp_path / "archives"
    return settings.ARCHIVE_DIR


@pytest.fixture
def things(owner, stranger):
    anna = ClientFactory(owner=owner, email="anna@example.org", full_name="=Anna")
    ClientFactory(owner=stranger, email="zoe@example.org")
    group = ClientGroupFactory(owner=owner, name="Readers")
    group.clients.add(anna)
    ClientGroupFactory(owner=owner, name="Ruled", rule=[{"what": "text", "test": "has", "value": "anna"}])
    Suppression.objects.create(owner=owner, email="left@example.org", reason="bounced")
    message = MessageFactory(owner=owner, subject="News", body="<p>Привет</p>")
    attempt = AttemptFactory(mailing=MailingFactory(message=message, name="Weekly"))
    DeliveryFactory(attempt=attempt, client=anna, response="250 OK")
    return attempt


def packed(browser):
    answer = browser.get(reverse("archive_file", args=[Archive.objects.get().pk]))
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


@pytest.mark.django_db(transaction=True)
def test_everything_of_one_owner_and_nothing_of_others(owner, browser, things, folder):
    empty = browser.get(reverse("archive")).content.decode()
    assert "Make an archive" in empty
    assert "could not be made" not in empty
    assert browser.post(reverse("archive")).status_code == 302
    page = browser.get(reverse("archive")).content.decode()
    assert "Download the archive" in page
    file = packed(browser)
    message = things.mailing.message
    assert set(file.namelist()) == {
        "clients.csv", "stop-list.csv", "left-one-mailing.csv", "consents.csv", "groups.csv",
        "messages.csv", f"messages/{message.pk}.html",
        "mailings.csv", "runs.csv", f"runs/{things.pk}.csv",
    }  # fmt: skip
    texts = {name: file.read(name).decode() for name in file.namelist()}
    assert "anna@example.org,'=Anna" in texts["clients.csv"]
    assert "zoe" not in "".join(texts.values())
    assert texts["groups.csv"].splitlines()[1:] == ["Readers,anna@example.org", "Ruled,anna@example.org"]
    assert "left@example.org,bounced" in texts["stop-list.csv"]
    assert texts[f"messages/{message.pk}.html"] == "<p>Привет</p>"
    assert "anna@example.org" in texts[f"runs/{things.pk}.csv"]
    assert "Weekly" in texts["mailings.csv"]
    assert "Weekly" in texts["runs.csv"]
    assert [path.name for path in folder.iterdir()] == [f"{Archive.objects.get().form_key}.zip"]
    assert Notification.objects.filter(user=owner, kind="archive_ready").count() == 1
    assert AuditEntry.objects.filter(detail="archive").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_next_one_takes_the_place_of_the_last(owner, things, folder):
    first = archiving.ask(owner)
    second = archiving.ask(owner)
    assert list(Archive.objects.all()) == [second] != [first]
    assert len(list(folder.iterdir())) == 1
    archiving.make(second.pk)  # again: there is nothing to do
    assert Archive.objects.get().status == "ready"


def test_asked_twice_it_is_made_once(owner):
    assert archiving.ask(owner) == archiving.ask(owner)


def test_nobody_else_may_have_it(owner, things, client_of, stranger, manager):
    archive = archiving.ask(owner)
    archiving.make(archive.pk)
    url = reverse("archive_file", args=[archive.pk])
    assert client_of(stranger).get(url).status_code == 404
    assert client_of(manager).get(url).status_code == 403


def test_a_process_that_ends_leaves_it_to_the_next(owner, things, folder):
    archive = archiving.ask(owner)
    STOPPING.set()
    archiving.make(archive.pk)
    STOPPING.clear()
    archive.refresh_from_db()
    assert (archive.status, list(folder.iterdir())) == ("queued", [])
    Archive.objects.update(status="running", alive_at=timezone.now() - timedelta(hours=1))
    archiving.resume()
    archive.refresh_from_db()
    assert archive.status == "ready"


def test_one_that_fails_says_so(owner, browser, things, monkeypatch, folder):
    archive = archiving.ask(owner)
    monkeypatch.setattr(archiving, "client_rows", lambda *_: 1 / 0)
    archiving.make(archive.pk)
    assert "could not be made" in browser.get(reverse("archive")).content.decode()
    assert not list(folder.iterdir())


def test_it_is_deleted_after_its_time_when_somebody_is_forgotten_and_with_its_owner(
    owner, superuser, things, folder, django_capture_on_commit_callbacks
):
    archiving.make(archiving.ask(owner).pk)
    assert archives.forget_old() == 0
    Archive.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert (archives.forget_old(), list(folder.iterdir())) == (1, [])
    archiving.make(archiving.ask(owner).pk)
    assert (archives.remove_of(owner.pk), list(folder.iterdir())) == (1, [])
    archiving.make(archiving.ask(owner).pk)
    with django_capture_on_commit_callbacks(execute=True):
        delete_account(user=owner, by=superuser)
    assert not list(folder.iterdir())
