"""Managers over the mailings of others; blocked users' mailings."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer import mailings, oversight
from mailer.models import Attempt, Mailing
from people import access
from people.accounts import delete_account
from people.models import AuditEntry
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    ClientGroupFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    UserFactory,
)
from testing.pages import DIALOG, shown
from testing.sending import come_by, make_mailing

pytestmark = pytest.mark.django_db(transaction=True)
REASON = {"reason": "It advertises <b>pills</b>"}


@pytest.fixture
def _looks_often(settings):
    """The worker looks after each mail whether it may go on, and not only five times a second."""
    settings.MAIL_WINDOW = 1


@pytest.fixture
def mailing(owner):
    client = ClientFactory(owner=owner, email="secret@example.org", full_name="Sergey Secret")
    group = ClientGroupFactory(owner=owner, name="Secret group")
    group.clients.add(client, ClientFactory(owner=owner, email="second@example.org"))
    mailing = MailingFactory(message__owner=owner, message__subject="News")
    mailing.clients.add(client)
    mailing.groups.add(group)
    attempt = AttemptFactory(
        mailing=mailing, total=2, sent=1, failed=1, answers={"550 <secret@example.org>: gone": 1}
    )
    DeliveryFactory(attempt=attempt, client=client)
    return mailing


def url(name, mailing):
    return reverse(name, args=[mailing.pk])


def actions():
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_manager_sees_all_mailings_with_numbers_and_no_address(mailing, owner, manager, client_of):
    MailingFactory()
    browser = client_of(manager)
    rows = shown(browser.get("/mailings/"))
    assert len(rows) == 2
    [row] = [row for row in rows if row.pk == mailing.pk]
    assert (row.owner, row.runs) == (owner, 1)
    attempt = mailing.attempts.get()
    pages = [
        "/mailings/",
        "/reports/",
        url("mailing_detail", mailing),
        reverse("attempt_detail", args=[attempt.pk]),
        reverse("message_preview", args=[mailing.message_id]),
    ]
    for page in pages:
        html = browser.get(page).content.decode()
        assert "owner@example.com" in html
        for secret in ("secret@example.org", "Sergey", "Secret group", "second@example.org"):
            assert secret not in html
        for dead in ("/edit/", "/delete/", "/run/", "/copy/", "/pause/", "/new/", "/test/"):
            assert dead not in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("owner=OWNER@", 1),
        ("owner=olga", 1),
        ("owner=nobody", 0),
        ("q=news", 2),
        ("state=disabled", 0),
    ],
)
def test_a_manager_filters_by_owner(query, found, mailing, manager, client_of):
    MailingFactory()
    for page in ("/mailings/", "/reports/"):
        if page == "/mailings/":
            assert len(shown(client_of(manager).get(f"{page}?{query}"))) == found
    assert len(shown(client_of(manager).get("/reports/?owner=olga"))) == 1


def test_recipients_are_those_of_the_last_run_or_else_of_the_choice(mailing, owner, manager, client_of):
    """Each client counts once, however it was chosen."""
    fresh = MailingFactory(message=mailing.message)
    fresh.clients.set(mailing.clients.all())
    fresh.groups.set([*mailing.groups.all(), ClientGroupFactory(owner=owner)])
    fresh.clients.add(ClientFactory(owner=owner))
    nobody = MailingFactory(message=mailing.message)
    one_group = MailingFactory(message=mailing.message)
    one_group.groups.set(mailing.groups.all())
    clients = MailingFactory(message=mailing.message)
    clients.clients.set(mailing.clients.all())
    AttemptFactory(mailing=mailing, total=7)
    table = client_of(manager).get("/mailings/").context["table"]
    numbers = {row.record.pk: row.get_cell("recipients") for row in table.rows}
    assert numbers == {mailing.pk: "7", fresh.pk: "3", nobody.pk: "0", one_group.pk: "2", clients.pk: "1"}


def test_an_owner_has_no_filter_by_owner(mailing, owner, client_of):
    answer = client_of(owner).get("/mailings/?owner=nobody")
    assert len(shown(answer)) == 1
    assert "owner" not in answer.context["filter"].form.fields


def test_thirty_rows_cost_a_manager_as_much_as_one(manager, client_of):
    browser = client_of(manager)

    def count(rows):
        with CaptureQueriesContext(connection) as captured:
            assert len(shown(browser.get("/mailings/"))) == rows
        return len(captured)

    def make(number):
        for _ in range(number):
            AttemptFactory()
            MailingFactory()

    make(1)
    before = count(2)
    make(14)
    # session, user, 2 × permissions, count, rows, last runs; of those that have not run the groups, their
    # sizes, the clients and whom they leave out
    assert count(25) == before == 11


def test_disable_swaps_the_row_and_tells_the_owner(mailing, owner, manager, client_of):
    browser = client_of(manager)
    assert "Disable “News”?" in browser.get(url("mailing_disable", mailing), headers=DIALOG).content.decode()
    answer = browser.post(url("mailing_disable", mailing), REASON, headers=DIALOG)
    assert answer.content.strip().startswith(f'<tr id="mailing-{mailing.pk}"'.encode())
    assert answer["HX-Retarget"] == f"#mailing-{mailing.pk}"
    events = json.loads(answer["HX-Trigger"])
    undo = f"/mailings/{mailing.pk}/enable/"
    assert events["toasts"] == [{"level": "success", "text": "“News” is disabled.", "undo": undo}]
    email: Any
    [email] = mail.outbox
    assert (email.to, email.subject) == (["owner@example.com"], "Your mailing was disabled")
    assert "Mary Manager disabled your mailing “News”." in email.body
    assert "Reason: It advertises <b>pills</b>" in email.body
    assert "It advertises &lt;b&gt;pills&lt;/b&gt;" in email.alternatives[0][0]
    assert f"http://testserver/mailings/{mailing.pk}/" in email.body
    page = client_of(owner).get(url("mailing_detail", mailing)).content.decode()
    assert "by Mary Manager" in page
    assert "It advertises &lt;b&gt;pills&lt;/b&gt;" in page


def test_disable_from_the_mailing_s_own_page_reloads_it(mailing, manager, client_of):
    headers = {**DIALOG, "HX-Current-URL": f"http://testserver{url('mailing_detail', mailing)}"}
    answer = client_of(manager).post(url("mailing_disable", mailing), REASON, headers=headers)
    assert answer.status_code == 204
    assert set(json.loads(answer["HX-Trigger"])) == {"mailings:changed", "dialog:close", "toasts"}


def test_disable_and_enable_twice_are_once(mailing, manager, superuser, client_of):
    browsers = [client_of(manager), client_of(superuser)]
    for browser in browsers:
        answer = browser.post(url("mailing_disable", mailing), REASON)
        assert answer["Location"] == url("mailing_detail", mailing)
    mailing.refresh_from_db()
    assert (mailing.disabled_by, mailing.disabled_reason) == (manager, REASON["reason"])
    assert len(mail.outbox) == 1
    for browser in browsers:
        assert browser.post(url("mailing_enable", mailing)).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.disabled_at, mailing.disabled_by, mailing.disabled_reason) == (None, None, "")
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == [
        "mailing_disabled",
        "mailing_enabled",
    ]


@pytest.mark.parametrize("reason", ["", "x" * 501, "a\r\nBcc: b@example.com"])
@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_disable_needs_a_reason(reason, headers, mailing, manager, client_of):
    answer = client_of(manager).post(url("mailing_disable", mailing), {"reason": reason}, headers=headers)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["reason"]
    mailing.refresh_from_db()
    assert mailing.disabled_at is None


@pytest.fixture
def held(mailing):
    state = {"status": "running", "finished_at": None, "held_at": timezone.now(), "problem": "550 5.7.1 No"}
    Attempt.objects.update(**state)
    Mailing.objects.update(status="running")
    return mailing.attempts.get()


def test_a_manager_releases_what_the_service_holds_and_its_owner_reads_why(
    held, mailing, owner, manager, client_of
):
    browser = client_of(manager)
    pages = ["/mailings/", url("mailing_detail", mailing), reverse("attempt_detail", args=[held.pk])]
    for page in pages:
        assert f'hx-get="{url("mailing_release", mailing)}"' in browser.get(page).content.decode()
        assert "/release/" not in client_of(owner).get(page).content.decode()
    reason = {"reason": "The <b>record</b> is back"}
    answer = browser.post(url("mailing_release", mailing), reason, headers=DIALOG)
    assert json.loads(answer["HX-Trigger"])["toasts"] == [{"level": "success", "text": "“News” goes on."}]
    held.refresh_from_db()
    assert (held.held_at, held.status) == (None, "succeeded")  # it went on at once
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail) == ("mailing_released", "The <b>record</b> is back")
    email: Any
    [email] = mail.outbox
    assert (email.to, email.subject) == (["owner@example.com"], "Released: News")
    assert "Mary Manager released the run of your mailing “News” that was on hold." in email.body
    assert "The &lt;b&gt;record&lt;/b&gt; is back" in email.alternatives[0][0]


def test_release_from_the_report_leads_to_the_mailing(held, mailing, manager, client_of):
    report = reverse("attempt_detail", args=[held.pk])
    headers = {**DIALOG, "HX-Current-URL": f"http://testserver{report}"}
    browser = client_of(manager)
    answer = browser.post(url("mailing_release", mailing), REASON, headers=headers)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, url("mailing_detail", mailing))
    assert "“News” goes on." in browser.get(answer["HX-Redirect"]).content.decode()


def test_a_release_twice_is_once(held, mailing, manager, superuser, client_of):
    for browser in (client_of(manager), client_of(superuser)):
        answer = browser.post(url("mailing_release", mailing), REASON, follow=True)
        assert answer.redirect_chain == [(url("mailing_detail", mailing), 302)]
    assert "“News” is not on hold any more." in answer.content.decode()
    assert (actions(), len(mail.outbox)) == (["mailing_released"], 1)


@pytest.mark.usefixtures("held")
def test_only_managers_release_and_only_with_a_reason(mailing, owner, stranger, manager, client_of):
    address = url("mailing_release", mailing)
    answers = [client_of(user).post(address, REASON).status_code for user in (owner, stranger)]
    assert answers == [403, 404]
    for reason in ("", "x" * 501, "a\r\nBcc: b@example.com"):
        assert client_of(manager).post(address, {"reason": reason}).status_code == 422
    assert Attempt.objects.get().held_at


@pytest.mark.parametrize("switch", ["paused_at", "disabled_at"])
@pytest.mark.usefixtures("held")
def test_what_a_switch_stops_is_not_offered_for_release(switch, mailing, manager, client_of):
    Mailing.objects.update(**{switch: timezone.now()})
    assert "/release/" not in client_of(manager).get("/mailings/").content.decode()


def test_an_owner_cannot_lift_it(mailing, owner, manager, client_of):
    oversight.disable(mailing=mailing, by=manager, reason="x")
    browser = client_of(owner)
    assert browser.post(url("mailing_enable", mailing)).status_code == 403
    browser.post(url("mailing_resume", mailing))
    mailing.refresh_from_db()
    assert mailing.state == "disabled"
    assert browser.post(url("mailing_run", mailing), {"after": mailing.attempts.get().pk}).status_code == 422


def test_a_draft_is_nobody_s_but_its_owner_s(owner, manager, client_of):
    draft = MessageFactory(owner=owner)
    assert client_of(manager).get(reverse("message_preview", args=[draft.pk])).status_code == 404
    assert shown(client_of(manager).get("/messages/")) == []


@pytest.mark.usefixtures("_looks_often")
def test_a_block_stops_what_is_being_sent_and_unblocking_goes_on(owner, manager, smtp):
    clients = [ClientFactory(owner=owner, email=f"c{n:03}@example.org") for n in range(20)]

    def block(_mail):
        if len(smtp.mails) == 3:
            access.block(user=owner, by=manager, reason="x")

    smtp.on_mail = block
    mailing = make_mailing(owner, clients)
    attempt = mailing.attempts.get()
    assert len(smtp.mails) == 3
    come_by()
    assert (attempt.status, len(smtp.mails)) == ("running", 3)
    access.unblock(user=owner, by=manager)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, len(smtp.mails)) == ("succeeded", 20, 20)
    assert sorted(smtp.recipients) == [client.email for client in clients]


def test_runs_due_while_blocked_are_folded_into_one(owner, manager, smtp, time_machine):
    client = ClientFactory(owner=owner)
    start = timezone.now() + timedelta(minutes=30)
    mailing = make_mailing(owner, [client], starts_at=start, period="daily")
    access.block(user=owner, by=manager, reason="x")
    time_machine.move_to(start + timedelta(days=3, minutes=5))
    come_by()
    assert not mailing.attempts.exists()
    access.unblock(user=owner, by=manager)
    attempt = mailing.attempts.get()
    assert (attempt.missed, attempt.status, len(smtp.mails)) == (3, "succeeded", 1)


@pytest.mark.usefixtures("_looks_often")
def test_enabling_goes_on_with_what_was_begun(owner, manager, smtp):
    clients = [ClientFactory(owner=owner, email=f"c{n:03}@example.org") for n in range(10)]
    smtp.on_mail = lambda _: (
        len(smtp.mails) == 2 and oversight.disable(mailing=Mailing.objects.get(), by=manager, reason="x")
    )
    mailing = make_mailing(owner, clients)
    assert smtp.recipients == [
        "c000@example.org",
        "c001@example.org",
        "owner@example.com",
    ]  # … and the email
    oversight.enable(mailing=mailing, by=manager)
    assert sorted(smtp.recipients) == [*(client.email for client in clients), "owner@example.com"]


@pytest.mark.usefixtures("_looks_often")
def test_the_end_of_an_account_stops_what_is_being_sent(owner, smtp):
    clients = [ClientFactory(owner=owner) for _ in range(20)]
    smtp.on_mail = lambda _: len(smtp.mails) == 2 and delete_account(user=owner, by=owner)
    UserFactory(is_superuser=True)
    make_mailing(owner, clients)
    assert len(smtp.mails) == 2
    assert not Mailing.objects.exists()
    assert actions() == ["mailing_created", "user_deleted", "mailing_deleted"]


def test_what_an_owner_runs_by_hand_is_in_the_trail(mailing, owner, client_of, smtp):
    answer = client_of(owner).post(url("mailing_run", mailing), {"after": mailing.attempts.get().pk})
    assert answer.status_code == 302
    assert AuditEntry.objects.get().action == "mailing_run"
    assert mailings.pause(mailing)


@pytest.mark.parametrize(
    "said",
    [
        "421 4.7.0 <secret@example.org>: try later",
        '550 5.1.1 "john secret"@example.org unknown',
        "550 No such user: secret",
        "The sender was refused: 553 secret is not allowed",
    ],
)
def test_a_manager_reads_only_the_codes_of_what_the_server_said(said, mailing, manager, owner, client_of):
    Attempt.objects.update(
        status="running", finished_at=None, problem=said, answers={said: 1, "Not mailed: unsubscribed": 1}
    )
    attempt = mailing.attempts.get()
    pages = ["/reports/", url("mailing_detail", mailing), reverse("attempt_detail", args=[attempt.pk])]
    for page in pages:
        html = client_of(manager).get(page).content.decode()
        assert "secret" not in html
        assert said[:3] in html or "The sender was refused: 553" in html
        assert "secret" in client_of(owner).get(page).content.decode()
    assert "Not mailed: unsubscribed" in client_of(manager).get(pages[2]).content.decode()
