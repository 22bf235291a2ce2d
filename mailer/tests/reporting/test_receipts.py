"""The mail of one recipient, made again; runs and their mails as files."""

import csv
import io
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from mailer.models import Attempt, Delivery
from mailer.reporting.receipt import mail_again
from people.models import AuditEntry
from testing.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, MessageFactory
from testing.pages import flat
from testing.sending import come_by, make_mailing

pytestmark = pytest.mark.django_db
EVIL = '=HYPERLINK("http://evil.example","x")'


@pytest.fixture
def mailing(owner):
    return MailingFactory(message=MessageFactory(owner=owner), name="Spring")


@pytest.fixture
def attempt(mailing):
    return AttemptFactory(mailing=mailing, total=2, sent=1, failed=1, answers={"250 Ok": 1})


@pytest.fixture
def sent(attempt):
    client = ClientFactory(owner=attempt.mailing.owner, email="anna@example.org", full_name="Anna <i>")
    return DeliveryFactory(attempt=attempt, client=client, response="250 Ok", finished_at=timezone.now())


@pytest.fixture
def refused(attempt):
    client = ClientFactory(owner=attempt.mailing.owner, email="boris@example.org", full_name=EVIL)
    response = "550 5.1.1 <boris@example.org>: User unknown"
    return DeliveryFactory(attempt=attempt, client=client, status="failed", response=response, tries=1)


@pytest.mark.django_db(transaction=True)
def test_a_mail_made_again_is_the_one_that_was_sent(owner, smtp, time_machine):
    """Byte for byte, within the same second."""
    moment = timezone.now().replace(microsecond=0)
    time_machine.move_to(moment, tick=False)
    clients = [ClientFactory(owner=owner, full_name=name) for name in ("Anna Petrova", "Борис", 'A "B" <c>')]
    make_mailing(owner, clients)
    come_by()
    assert len(smtp.mails) == 3
    received = {mail.recipient: mail.content for mail in smtp.mails}
    for delivery in Delivery.objects.select_related("attempt__mailing__owner"):
        assert mail_again(delivery) == received[delivery.email]


def test_an_edit_of_the_message_does_not_change_it(sent):
    before = mail_again(sent)
    sent.attempt.mailing.message.subject = "Another"
    sent.attempt.mailing.message.save()
    assert mail_again(Delivery.objects.get(pk=sent.pk)) == before


def test_a_receipt_says_what_became_of_the_mail(browser, refused):
    url = f"/reports/{refused.attempt_id}/mails/{refused.pk}/"
    html = flat(browser.get(url))
    assert "550 5.1.1 &lt;boris@example.org&gt;: User unknown" in html
    assert "This address does not exist. It is on the stop-list now." in html
    assert refused.message_id.replace("<", "&lt;").replace(">", "&gt;") in html
    assert f'href="{url}eml/"' in html
    assert f'href="{url}"' in browser.get(f"/reports/{refused.attempt_id}/").content.decode()


def test_the_mail_is_a_file_and_a_page_in_a_sandbox(browser, sent):
    url = f"/reports/{sent.attempt_id}/mails/{sent.pk}/"
    answer = browser.get(f"{url}eml/")
    assert (answer["Content-Type"], answer.content) == ("message/rfc822", mail_again(sent))
    assert answer["Content-Disposition"] == f'attachment; filename="mail-{sent.pk}.eml"'
    frame = browser.get(f"{url}html/")
    assert "Dear Anna &lt;i&gt;," in frame.content.decode()
    assert "sandbox" in frame["Content-Security-Policy"]


def test_a_mail_of_another_run_is_not_found(browser, sent, mailing):
    other = AttemptFactory(mailing=mailing)
    assert browser.get(f"/reports/{other.pk}/mails/{sent.pk}/").status_code == 404
    assert browser.get(f"/reports/{sent.attempt_id}/mails/{2**63 - 1}/").status_code == 404


def test_a_message_that_cannot_be_made_again_says_so(browser, sent):
    Attempt.objects.filter(pk=sent.attempt_id).update(body="{{ broken")
    url = f"/reports/{sent.attempt_id}/mails/{sent.pk}/"
    assert "cannot be rebuilt" in browser.get(url).content.decode()
    assert browser.get(f"{url}eml/").status_code == 404


def rows_of(answer):
    content = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(content)))


def test_the_mails_of_a_run_as_csv_calculate_nothing(browser, attempt, sent, refused):
    first, second = rows_of(browser.get(f"/reports/{attempt.pk}/export/"))
    assert (first["email"], first["status"], first["answer"]) == ("anna@example.org", "sent", "250 Ok")
    assert (second["full_name"], second["tries"]) == (f"'{EVIL}", "1")
    assert second["meaning"].startswith("This address does not exist.")
    [failed] = rows_of(browser.get(f"/reports/{attempt.pk}/export/", {"status": "failed"}))
    assert failed["email"] == "boris@example.org"
    assert rows_of(browser.get(f"/reports/{attempt.pk}/export/", {"status": "nonsense"})) == []
    assert browser.get(f"/reports/{attempt.pk}/export/", {"format": "exe"}).status_code == 404
    exported = AuditEntry.objects.filter(action="clients_exported").values_list("detail", flat=True)
    assert set(exported) == {f"report-{attempt.pk}"}


def test_the_mails_of_a_run_as_a_workbook(browser, attempt, sent):
    answer = browser.get(f"/reports/{attempt.pk}/export/", {"format": "xlsx"})
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as book:
        assert "anna@example.org" in book.read("xl/worksheets/sheet1.xml").decode()


def test_runs_as_csv_are_those_of_the_filter(browser, attempt, mailing, stranger):
    AttemptFactory(mailing=mailing, status="failed", scheduled_for=timezone.now() - timedelta(days=1))
    AttemptFactory(mailing=MailingFactory(message=MessageFactory(owner=stranger)))
    assert [row["status"] for row in rows_of(browser.get("/reports/export/"))] == ["succeeded", "failed"]
    [row] = rows_of(browser.get("/reports/export/", {"state": "succeeded"}))
    assert (row["mailing"], row["total"], row["answers"]) == ("Spring", "2", "1 × 250 Ok")


def test_a_manager_exports_runs_without_addresses(attempt, manager, client_of):
    answers = {"550 5.1.1 anna@example.org is unknown": 1}
    Attempt.objects.filter(pk=attempt.pk).update(answers=answers)
    [row] = rows_of(client_of(manager).get("/reports/export/"))
    assert row["answers"] == "1 × 550 5.1.1"
    assert client_of(manager).get(f"/reports/{attempt.pk}/export/").status_code == 403
