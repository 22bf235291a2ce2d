"""Somebody is forgotten: nothing names them any more, the counts stay, and no import brings them back."""

import io

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailer.audience.importing import import_clients, uploads
from mailer.audience.importing.uploads import Choice
from mailer.audience.stop_list import add_stop, lift_stop
from mailer.composing.unsubscribe_links import suppress, token_for
from mailer.models import (
    Archive,
    Attempt,
    Attribute,
    Client,
    ClientImport,
    Delivery,
    Forgotten,
    OptOut,
)
from mailer.returns import forgetting, tasks
from mailer.returns.erasing import without
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
from testing.pages import DIALOG
from testing.sending import make_mailing

pytestmark = pytest.mark.django_db(transaction=True)
EMAIL, NAME = "Zoe.Quillfeather@example.org", "Zoë Quillfeather"


@pytest.fixture
def zoe(owner) -> Client:
    Attribute.objects.create(owner=owner, key="street", kind=Attribute.Kind.TEXT)
    client = ClientFactory(
        owner=owner, email=EMAIL, full_name=NAME, comment=f"{NAME}'s", attributes={"street": "Quillfeather 1"}
    )
    ClientGroupFactory(owner=owner, name="Readers").clients.add(client)
    return client


@pytest.fixture
def token(owner, zoe) -> str:
    return token_for(owner_id=owner.pk, email=zoe.email)


def whole_database() -> str:
    """Every cell of every table, in small letters."""
    cells = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            cells += [str(cell) for row in cursor.fetchall() for cell in row if cell is not None]
    return "\n".join(cells).lower()


def as_file(text):
    return io.BytesIO(text.encode())


def test_nothing_in_the_database_and_in_files_names_them(owner, zoe, smtp, browser, settings, tmp_path):
    settings.IMPORT_DIR = tmp_path
    boris = ClientFactory(owner=owner, email="boris@example.org")
    message = MessageFactory(owner=owner, subject="{{ first_name }} of {{ street }}")
    make_mailing(owner, [zoe, boris], message=message)
    smtp.at_rcpt = lambda to: f"550 5.1.1 <{to}>: no such user" if to == EMAIL else None
    make_mailing(owner, [zoe, boris], message=message)
    lift_stop(stop=owner.suppressions.get(), by=owner)
    add_stop(owner=owner, email=EMAIL)
    OptOut.objects.create(owner=owner, email=EMAIL, mailing=owner.mailings.first())
    old = AttemptFactory(mailing=owner.mailings.first(), problem=f"451 {EMAIL} later", answers={EMAIL: 2})
    DeliveryFactory(attempt=old, client=None, email=EMAIL.lower(), address_key=None, full_name=NAME)
    for text, started in ((f"email\n{EMAIL}\n{EMAIL}@\n", True), (f"email\n{EMAIL}\n", False)):
        upload = uploads.keep(owner=owner, pieces=[text.encode()], name=f"{EMAIL}.csv")
        if started:
            uploads.start(upload=upload, choice=Choice(layout=uploads.layout_of(upload)))
    Notification.objects.create(user=owner, kind="run_held", key="1", values={"why": f"550 <{EMAIL}> no"})
    kind = ContentType.objects.get_for_model(Client)
    LogEntry.objects.create(
        user=owner, content_type=kind, object_id=zoe.pk, object_repr=str(zoe), action_flag=CHANGE
    )
    counts = list(Attempt.objects.order_by("pk").values_list("total", "sent", "failed", "skipped"))
    assert "quillfeather" in whole_database()

    answer = browser.post(reverse("client_forget", args=[zoe.pk]))

    assert (answer.status_code, answer["Location"]) == (302, "/clients/")
    assert "quillfeather" not in whole_database()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"quillfeather" not in files.lower()
    assert list(Attempt.objects.order_by("pk").values_list("total", "sent", "failed", "skipped")) == counts
    assert Client.objects.get() == boris
    assert Delivery.objects.filter(email="").count() == 3
    assert Delivery.objects.filter(email="boris@example.org").count() == 2
    row = Forgotten.objects.get()
    assert (row.email, row.by_recipient, row.done_at is None) == ("", False, False)
    assert AuditEntry.objects.filter(action="client_forgotten", actor="owner@example.com").count() == 1


def test_another_owner_still_knows_them(owner, stranger, zoe):
    same = ClientFactory(owner=stranger, email=EMAIL, full_name=NAME)
    suppress(owner_id=stranger.pk, email=EMAIL, reason="unsubscribed")
    delivery = DeliveryFactory(client=same, attempt__mailing__message__owner=stranger)
    forgetting.forget(owner=owner, email=EMAIL)
    delivery.refresh_from_db()
    assert (delivery.email, delivery.full_name) == (EMAIL, NAME)
    assert list(Client.objects.values_list("owner", "email")) == [(stranger.pk, EMAIL)]
    assert stranger.suppressions.count() == 1


@pytest.mark.parametrize("spelling", [EMAIL, EMAIL.upper(), f" {EMAIL} "])
def test_no_import_brings_them_back_and_it_says_so_without_the_address(owner, zoe, spelling):
    forgetting.forget(owner=owner, email=EMAIL)
    found = import_clients(as_file(f"email,full_name\n{spelling},Z\nboris@example.org,B\n"), owner=owner)
    assert (found.created, found.refused, found.examples) == (1, 1, [])
    assert list(Client.objects.values_list("email", flat=True)) == ["boris@example.org"]


def test_the_report_of_an_import_tells_the_line_and_no_address(owner, zoe, settings, tmp_path):
    settings.IMPORT_DIR = tmp_path
    forgetting.forget(owner=owner, email=EMAIL)
    upload = uploads.keep(owner=owner, pieces=[f"email\n{EMAIL}\n".encode()], name="x.csv")
    uploads.start(upload=upload, choice=Choice(layout=uploads.layout_of(upload)))
    upload.refresh_from_db()
    assert (upload.status, upload.created, upload.refused) == ("finished", 0, 1)
    told = upload.refused_path.read_text("utf-8-sig")
    assert "2,,This person asked to be forgotten." in told
    assert "quillfeather" not in told.lower()


def test_neither_a_form_nor_the_stop_list_takes_the_address(owner, zoe, browser):
    forgetting.forget(owner=owner, email=EMAIL)
    for headers in ({}, DIALOG):
        answer = browser.post("/clients/new/", {"email": EMAIL.lower()}, headers=headers)
        assert (answer.status_code, b"asked to be forgotten" in answer.content) == (422, True)
    assert not add_stop(owner=owner, email=EMAIL)
    assert not suppress(owner_id=owner.pk, email=EMAIL, reason="bounced")
    other = ClientFactory(owner=owner, email="boris@example.org")
    answer = browser.post(f"/clients/{other.pk}/edit/", {"email": EMAIL})
    assert answer.status_code == 422
    assert "quillfeather" not in whole_database()


def test_a_recipient_asks_for_it_and_their_link_stays_calm(owner, zoe, token):
    browser = Browser(enforce_csrf_checks=True)
    url = reverse("unsubscribe_forget", args=[token])
    assert "Yes, forget me" in browser.get(url).content.decode()
    assert Client.objects.filter(email=EMAIL).exists()
    for _again in range(2):
        browser.post(url)
    assert Forgotten.objects.get().by_recipient
    for name in (
        "unsubscribe",
        "unsubscribe_bare",
        "unsubscribe_why",
        "unsubscribe_data",
        "unsubscribe_forget",
    ):
        answer = browser.get(reverse(name, args=[token]))
        assert (answer.status_code, b"You are forgotten" in answer.content) == (200, True), name
        assert b"quillfeather" not in answer.content.lower()
    for said in ({"List-Unsubscribe": "One-Click"}, {"do": "leave", "what": "pause"}, {"do": "return"}):
        answer = browser.post(reverse("unsubscribe", args=[token]), said)
        assert (answer.status_code, b"You are forgotten" in answer.content) == (200, True)
    assert "quillfeather" not in whole_database()


@pytest.mark.parametrize("made_up", ["x", "WzEsImEiXQ:forged", "a" * 3000])
def test_a_made_up_link_forgets_nobody(owner, zoe, made_up):
    answer = Browser().post(reverse("unsubscribe_forget", args=[made_up]))
    assert (answer.status_code, Forgotten.objects.count()) == (404, 0)


def test_nobody_forgets_the_client_of_another(zoe, stranger, client_of):
    url = reverse("client_forget", args=[zoe.pk])
    assert client_of(stranger).post(url).status_code == 404
    assert Forgotten.objects.count() == 0


def test_what_waits_in_a_run_is_not_sent(owner, zoe, smtp, settings):
    """They are forgotten while the first mail of the run is with the server."""
    boris = ClientFactory(owner=owner, email="boris@example.org", full_name="A")
    settings.MAIL_WINDOW = 1

    def meanwhile(_mail):
        forgetting.forget(owner=owner, email=EMAIL)

    smtp.on_mail = meanwhile
    attempt = make_mailing(owner, [zoe, boris] if zoe.pk > boris.pk else [boris, zoe]).attempts.get()
    forgetting.erase_left_over()
    assert "quillfeather" not in whole_database()
    attempt.refresh_from_db()
    assert attempt.total == attempt.sent + attempt.skipped


def test_a_mail_in_a_worker_s_hand_is_waited_for(owner, zoe):
    attempt = AttemptFactory(
        mailing=MailingFactory(message=MessageFactory(owner=owner)), status="running", finished_at=None
    )
    row = DeliveryFactory(attempt=attempt, client=zoe, address_key=EMAIL.lower(), status="sending", lease="x")
    forgetting.forget(owner=owner, email=EMAIL)
    assert Forgotten.objects.get().done_at is None
    Delivery.objects.filter(pk=row.pk).update(status="sent", response=f"250 ok for {EMAIL}", lease="")
    forgetting.erase_left_over()
    row.refresh_from_db()
    assert (row.email, row.full_name, row.response, row.client) == ("", "", "250 ok for …", None)
    assert Forgotten.objects.get().done_at
    assert "quillfeather" not in whole_database()


def test_an_import_that_goes_on_is_waited_for(owner, zoe):
    upload = ClientImport.objects.create(
        owner=owner, file_name="x.csv", status="running", alive_at=timezone.now()
    )
    forgetting.forget(owner=owner, email=EMAIL)
    assert Forgotten.objects.get().done_at is None
    ClientFactory(owner=owner, email=EMAIL)  # by the batch that had begun
    ClientImport.objects.filter(pk=upload.pk).update(status="finished")
    forgetting.erase_left_over()
    assert not Client.objects.filter(owner=owner).exists()
    assert Forgotten.objects.get().done_at


def test_archives_with_them_in_it_go(owner, zoe, settings, tmp_path):
    settings.ARCHIVE_DIR = tmp_path
    archive = Archive.objects.create(owner=owner, status="ready")
    archive.path.write_bytes(EMAIL.encode())
    forgetting.forget(owner=owner, email=EMAIL)
    assert (Archive.objects.count(), list(tmp_path.iterdir())) == (0, [])
    assert Forgotten.objects.get().done_at


def test_it_can_be_stopped_and_goes_on_in_batches(owner, zoe, monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 2)
    for n in range(5):
        mailing = MailingFactory(message=MessageFactory(owner=owner))
        DeliveryFactory(attempt=AttemptFactory(mailing=mailing), client=zoe, message_id=f"<{n}@x>")
    STOPPING.set()
    forgetting.forget(owner=owner, email=EMAIL)
    assert Delivery.objects.exclude(email="").count() == 3
    STOPPING.clear()
    forgetting.erase_left_over()
    forgetting.erase_left_over()
    assert Delivery.objects.exclude(email="").count() == 0
    assert Forgotten.objects.get().done_at


def test_one_worker_at_a_time_is_at_it_and_one_that_died_is_followed(owner, zoe, monkeypatch):
    monkeypatch.setattr(tasks, "erase", lambda _pk: None)
    forgetting.forget(owner=owner, email=EMAIL)
    row = Forgotten.objects.get()
    Forgotten.objects.update(alive_at=timezone.now())
    forgetting.erase(row.pk)
    assert Client.objects.filter(owner=owner).exists()
    Forgotten.objects.update(alive_at=timezone.now() - forgetting.LEASE)
    forgetting.erase(row.pk)
    assert not Client.objects.filter(owner=owner).exists()


def test_the_stop_list_tells_how_many_are_forgotten(owner, zoe, browser):
    forgetting.forget(owner=owner, email=EMAIL)
    assert "1 person asked to be forgotten" in browser.get("/clients/stop-list/").content.decode()


def test_pages_show_a_report_of_the_forgotten(owner, zoe, smtp, browser):
    mailing = make_mailing(owner, [zoe, ClientFactory(owner=owner, email="boris@example.org")])
    forgetting.forget(owner=owner, email=EMAIL)
    attempt = mailing.attempts.get()
    for url in (
        reverse("attempt_detail", args=[attempt.pk]),
        reverse("attempt_export", args=[attempt.pk]),
        reverse("receipt", args=[attempt.pk, attempt.deliveries.get(email="").pk]),
        reverse("mailing_detail", args=[mailing.pk]),
    ):
        assert browser.get(url).status_code == 200, url


def test_a_secret_that_was_changed_still_knows_them(owner, zoe, settings):
    forgetting.forget(owner=owner, email=EMAIL)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-of-this-installation-0123456789"
    assert Forgotten.objects.matching_address(EMAIL, owner.pk).exists()
    assert Forgotten.objects.knows(owner.pk)(EMAIL.lower())
    assert not forgetting.forget(owner=owner, email=EMAIL)


def test_an_address_is_taken_out_in_every_spelling():
    email = "zoe@bücher.example"
    for text in (email, email.upper(), "ZOE@xn--bcher-kva.example"):
        assert without(f"550 <{text}> unknown", email) == "550 <…> unknown"
