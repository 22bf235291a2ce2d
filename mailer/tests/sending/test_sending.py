"""The engine against a real SMTP server: what was mailed and what the ledger says must agree."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from mailer import mailings
from mailer.composing.compiling import compile_message
from mailer.models import Delivery, Lease, Mailing, MailServer, Suppression
from mailer.sending import leases, ledger, send_loop, sweep, worker
from mailer.sending.claims import LedgerClaims
from mailer.sending.ledger_writer import LedgerWriter
from site_config.shutdown import STOPPING
from testing.factories import ClientFactory, ClientGroupFactory, MessageFactory
from testing.sending import come_by, make_mailing

pytestmark = pytest.mark.django_db(transaction=True)


def statuses(attempt):
    return dict(attempt.deliveries.order_by("email").values_list("email", "status"))


def test_a_due_mailing_is_sent_when_it_is_saved(owner, smtp):
    anna = ClientFactory(owner=owner, email="anna@example.org", full_name="Anna Ivanova")
    mailing = make_mailing(owner, [anna])

    attempt = mailing.attempts.get()
    assert smtp.recipients == ["anna@example.org"]
    assert attempt.status == "succeeded"
    assert (attempt.total, attempt.sent, attempt.failed, attempt.possibly_twice) == (1, 1, 0, 0)
    assert attempt.server_response == "1 × 250 2.0.0 Ok: queued as …"
    delivery = attempt.deliveries.get()
    assert (delivery.status, delivery.tries, delivery.response) == (
        "sent",
        1,
        "250 2.0.0 Ok: queued as 0000000001",
    )
    mailing.refresh_from_db()
    assert (mailing.status, mailing.next_run_at) == ("finished", None)
    assert not Lease.objects.exists()


def test_the_mail_carries_names_merge_fields_and_a_way_out(owner, smtp, settings):
    settings.MAIL_UNSUBSCRIBE_MAILTO = "out@example.com"
    anna = ClientFactory(owner=owner, email="anna@example.org", full_name='Анна "Аня" <Иванова>')
    message = MessageFactory(owner=owner, subject="Привет, {{ first_name }}", body="<p>{{ full_name }}</p>")
    attempt = make_mailing(owner, [anna], message=message).attempts.get()

    [mail] = smtp.mails
    parsed = mail.parsed
    assert parsed["Subject"] == "Привет, Анна"
    [to] = parsed["To"].addresses
    assert (to.display_name, to.addr_spec) == ('Анна "Аня" <Иванова>', "anna@example.org")
    assert parsed["From"].addresses[0].display_name == "Olga Owner via Mailings"
    assert parsed["Reply-To"].addresses[0].addr_spec == "owner@example.com"
    assert parsed["Message-ID"] == attempt.deliveries.get().message_id
    assert abs(parsed["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert parsed["List-Unsubscribe"].strip().startswith("<http://testserver/u/")
    assert "<mailto:out@example.com?subject=" in parsed["List-Unsubscribe"]
    assert parsed["Precedence"] == "bulk"
    assert "Анна &#34;Аня&#34; &lt;Иванова&gt;" in mail.part("html")
    assert 'href="http://testserver/u/' in mail.part("html")
    assert 'Анна "Аня" <Иванова>' in mail.part("plain")
    assert "http://testserver/u/" in mail.part("plain")


def test_clients_and_groups_reach_each_address_once(owner, stranger, smtp):
    both, member, apart = (ClientFactory(owner=owner, email=f"{n}@example.org") for n in "abc")
    group = ClientGroupFactory(owner=owner)
    group.clients.add(both, member)
    foreign = ClientFactory(owner=stranger, email="foreign@example.org")
    mailing = make_mailing(owner, [both, apart, foreign], [group])

    assert sorted(smtp.recipients) == ["a@example.org", "b@example.org", "c@example.org"]
    assert mailing.attempts.get().total == 3


def test_a_suppressed_address_is_skipped_with_its_reason(owner, smtp):
    anna = ClientFactory(owner=owner, email="Anna@example.org")
    boris = ClientFactory(owner=owner, email="boris@example.org")
    Suppression.objects.create(owner=owner, email="aNNa@example.org", reason="unsubscribed")
    attempt = make_mailing(owner, [anna, boris]).attempts.get()

    assert smtp.recipients == ["boris@example.org"]
    assert statuses(attempt) == {"Anna@example.org": "skipped", "boris@example.org": "sent"}
    assert (attempt.status, attempt.skipped, attempt.sent) == ("succeeded", 1, 1)
    assert attempt.deliveries.get(status="skipped").response == "Not mailed: unsubscribed"


def test_who_unsubscribes_or_is_deleted_during_the_run_is_skipped(owner, smtp, settings):
    clients = [ClientFactory(owner=owner, email=f"{n}@example.org") for n in "abc"]

    def meanwhile(_):
        Suppression.objects.get_or_create(owner=owner, email="b@example.org", reason="unsubscribed")
        clients[2].delete() if clients[2].pk else None

    smtp.on_mail = meanwhile
    settings.MAIL_WINDOW = 1
    attempt = make_mailing(owner, clients).attempts.get()

    assert smtp.recipients == ["a@example.org"]
    assert dict(attempt.deliveries.values_list("email", "response")) == {
        "a@example.org": "250 2.0.0 Ok: queued as 0000000001",
        "b@example.org": "Not mailed: unsubscribed",
        "c@example.org": "Not mailed: the client was deleted",
    }


def test_nobody_to_send_to_is_a_failed_attempt_that_says_so(owner, smtp):
    empty = make_mailing(owner, [], [ClientGroupFactory(owner=owner)]).attempts.get()
    gone = ClientFactory(owner=owner)
    Suppression.objects.create(owner=owner, email=gone.email, reason="bounced")
    suppressed = make_mailing(owner, [gone]).attempts.get()

    assert (empty.status, empty.total) == ("failed", 0)
    assert empty.server_response == "1 × Nobody to send to: the mailing has no recipients"
    assert (suppressed.status, suppressed.skipped) == ("failed", 1)
    assert suppressed.server_response == "1 × Nobody to send to: every recipient is on the stop-list"


def test_a_5xx_fails_one_recipient_and_5_1_x_suppresses_the_address(owner, smtp):
    smtp.at_rcpt = {
        "gone@example.org": "550 5.1.1 No such user",
        "full@example.org": "552 5.2.2 Mailbox full",
    }.get
    clients = [ClientFactory(owner=owner, email=f"{n}@example.org") for n in ("gone", "full", "good")]
    attempt = make_mailing(owner, clients).attempts.get()

    assert smtp.recipients == ["good@example.org"]
    assert (attempt.status, attempt.sent, attempt.failed) == ("partly", 1, 2)
    assert attempt.deliveries.get(email="gone@example.org").response == "550 5.1.1 No such user"
    assert list(Suppression.objects.values_list("email", "reason")) == [("gone@example.org", "bounced")]


def test_a_4xx_is_retried_later_and_then_succeeds(owner, smtp, time_machine):
    busy = {"late@example.org": "451 4.7.1 Greylisted"}
    smtp.at_rcpt = busy.get
    clients = [ClientFactory(owner=owner, email=f"{n}@example.org") for n in ("late", "now")]
    attempt = make_mailing(owner, clients).attempts.get()
    late = attempt.deliveries.get(email="late@example.org")
    assert (attempt.status, attempt.sent, late.status, late.tries) == ("running", 1, "queued", 1)
    assert 50 < (late.next_try_at - timezone.now()).total_seconds() < 70

    come_by()
    assert smtp.recipients == ["now@example.org"]
    busy.clear()
    time_machine.move_to(timezone.now() + timedelta(seconds=70))
    come_by()

    attempt.refresh_from_db()
    assert smtp.recipients == ["now@example.org", "late@example.org"]
    assert (attempt.status, attempt.sent) == ("succeeded", 2)
    assert attempt.server_response == "1 × 451 4.7.1 Greylisted\n2 × 250 2.0.0 Ok: queued as …"


def test_a_4xx_that_never_ends_fails_after_the_last_try(owner, smtp, time_machine, settings):
    settings.MAIL_MAX_TRIES = 3
    smtp.at_data = lambda _: "451 4.7.1 Greylisted"
    attempt = make_mailing(owner, [ClientFactory(owner=owner)]).attempts.get()
    for hours in (4, 4, 17):
        assert attempt.deliveries.get().status == "queued"
        time_machine.move_to(timezone.now() + timedelta(hours=hours))
        come_by()
    attempt.refresh_from_db()
    delivery = attempt.deliveries.get()
    assert (delivery.status, delivery.tries, delivery.response) == ("failed", 4, "451 4.7.1 Greylisted")
    assert (attempt.status, attempt.failed) == ("failed", 1)


def test_an_unreachable_server_costs_no_try_and_rests(owner, settings, smtp, time_machine):
    good_port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    attempt = make_mailing(owner, [ClientFactory(owner=owner)]).attempts.get()
    delivery = attempt.deliveries.get()
    assert (delivery.status, delivery.tries, delivery.lease) == ("queued", 0, "")
    assert attempt.status == "running"
    assert "cannot be reached" in attempt.problem
    assert MailServer.objects.get().failures == 1
    assert sweep.unattended(timezone.now()) == []

    settings.EMAIL_PORT = good_port
    time_machine.move_to(timezone.now() + timedelta(seconds=5))
    come_by()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.problem, attempt.sent) == ("succeeded", "", 1)
    assert MailServer.objects.get().failures == 0


def test_a_refused_sender_holds_the_attempt_and_burns_nobody(owner, smtp):
    smtp.at_mail = lambda _: "553 5.7.1 Sender not allowed"
    attempt = make_mailing(owner, [ClientFactory(owner=owner) for _ in range(3)]).attempts.get()
    assert attempt.held_at is not None
    assert attempt.problem == "553 5.7.1 Sender not allowed"
    assert list(attempt.deliveries.values_list("status", "tries")) == [("queued", 0)] * 3
    come_by()
    assert smtp.mails == []

    smtp.at_mail = lambda _: None
    assert mailings.try_again(attempt)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.problem) == ("succeeded", 3, "")


def test_cut_after_the_final_dot_is_sent_again_and_counted(owner, smtp, time_machine):
    first = []

    def cut_once(to):
        if not first:
            first.append(to)
            return "421 4.3.2 cut"
        return None

    # 421 at the end of DATA means "not taken"; nonsense instead of an answer means "unknown".
    smtp.at_data = lambda to: "000 what" if cut_once(to) else None
    attempt = make_mailing(owner, [ClientFactory(owner=owner)]).attempts.get()
    delivery = attempt.deliveries.get()
    assert (delivery.status, delivery.tries, delivery.possibly_twice) == ("queued", 1, True)
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.possibly_twice) == (0, 1)
    time_machine.move_to(timezone.now() + timedelta(seconds=70))
    come_by()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 1, 1)
    assert smtp.mails[0].parsed["Message-ID"] == delivery.message_id


def test_the_connection_is_kept_for_many_mails(owner, smtp):
    make_mailing(owner, [ClientFactory(owner=owner) for _ in range(30)])
    assert len(smtp.mails) == 30
    assert len(smtp.sessions) == 1


def test_pausing_stops_and_resuming_goes_on(owner, smtp, settings):
    clients = [ClientFactory(owner=owner, email=f"{n}@example.org") for n in range(6)]
    settings.MAIL_WINDOW = 1  # looked at between two mails
    smtp.on_mail = lambda _: len(smtp.mails) == 2 and Mailing.objects.update(paused_at=timezone.now())
    mailing = make_mailing(owner, clients)
    attempt = mailing.attempts.get()
    assert len(smtp.mails) == 2
    assert (attempt.status, attempt.sent) == ("running", 2)
    assert attempt.deliveries.filter(status="queued", lease="").count() == 4
    come_by()
    assert len(smtp.mails) == 2

    smtp.on_mail = lambda _: None
    assert mailings.resume(mailing)
    attempt.refresh_from_db()
    assert sorted(smtp.recipients) == [f"{n}@example.org" for n in range(6)]
    assert attempt.status == "succeeded"


@pytest.mark.parametrize("how", ["disabled", "blocked", "deleted"])
def test_disabling_blocking_and_deleting_stop_the_worker(owner, smtp, settings, how):
    settings.MAIL_WINDOW = 1  # looked at between two mails

    def act(_):
        if how == "disabled":
            Mailing.objects.update(disabled_at=timezone.now())
        elif how == "blocked":
            type(owner).objects.filter(pk=owner.pk).update(is_active=False)
        else:
            mailings.delete(Mailing.objects.get())

    smtp.on_mail = lambda mail: act(mail) if len(smtp.mails) == 1 else None
    make_mailing(owner, [ClientFactory(owner=owner) for _ in range(5)])
    assert len(smtp.mails) == 1
    assert Delivery.objects.filter(status="sending").count() == 0


def test_stopping_finishes_the_message_in_hand_and_releases_the_rest(owner, smtp):
    smtp.on_mail = lambda _: STOPPING.set()
    attempt = make_mailing(owner, [ClientFactory(owner=owner) for _ in range(5)]).attempts.get()
    assert len(smtp.mails) == 1
    assert sorted(attempt.deliveries.values_list("status", flat=True)) == ["queued"] * 4 + ["sent"]
    assert attempt.possibly_twice == 0

    STOPPING.clear()
    smtp.on_mail = lambda _: None
    lease = Lease.objects.get()
    assert not lease.running
    worker.send_attempt(attempt.pk, lease.token)
    attempt.refresh_from_db()
    assert (attempt.status, len(smtp.mails), len(set(smtp.recipients))) == ("succeeded", 5, 5)


def test_a_killed_worker_is_recovered_when_its_lease_runs_out(owner, smtp, monkeypatch, time_machine):
    """The kill is simulated at its worst moment: mail accepted, nothing recorded, nothing given back."""
    with monkeypatch.context() as patch:
        patch.setattr(leases, "_queue", lambda *_: None)
        attempt = make_mailing(owner, [ClientFactory(owner=owner) for _ in range(3)]).attempts.get()
    token = Lease.objects.get().token
    assert leases.take(token)
    assert not leases.take(token)
    assert len(LedgerClaims(attempt=attempt, token=token).record_and_claim(claim=100).claimed) == 3
    come_by()
    assert smtp.mails == []

    time_machine.move_to(timezone.now() + timedelta(seconds=16))
    come_by()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 3, 3)
    assert len(smtp.mails) == 3


def test_kills_use_up_no_tries(owner, smtp, monkeypatch, time_machine, settings):
    """Tries count the server's answers, however often a worker dies with a mail in hand."""
    settings.MAIL_MAX_TRIES = 3
    with monkeypatch.context() as patch:
        patch.setattr(leases, "_queue", lambda *_: None)
        attempt = make_mailing(owner, [ClientFactory(owner=owner) for _ in range(3)]).attempts.get()
        for _ in range(5):
            token = Lease.objects.get().token
            assert leases.take(token)
            assert len(LedgerClaims(attempt=attempt, token=token).record_and_claim(claim=9).claimed) == 3
            time_machine.move_to(timezone.now() + timedelta(seconds=16))
            leases.enqueue(attempt.pk)
    time_machine.move_to(timezone.now() + timedelta(seconds=31))
    come_by()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 3, 3)
    assert set(attempt.deliveries.values_list("tries", flat=True)) == {1}


def test_results_of_a_lost_lease_are_not_written(owner, smtp, monkeypatch):
    monkeypatch.setattr(leases, "_queue", lambda *_: None)
    attempt = make_mailing(owner, [ClientFactory(owner=owner)]).attempts.get()
    lease = Lease.objects.get()
    leases.take(lease.token)
    claims = LedgerClaims(attempt=attempt, token=lease.token)
    [claimed] = claims.record_and_claim(claim=9).claimed
    leases.recover(lease)
    lease.delete()
    result = ledger.DeliveryResult(delivery=claimed, status="sent", response="250 Ok", tries=1)
    assert claims.record_and_claim([result], claim=9) == (False, [])
    delivery = attempt.deliveries.get()
    assert (delivery.status, delivery.tries, delivery.possibly_twice) == ("queued", 0, True)


def test_a_lost_task_is_queued_again_and_the_late_one_is_void(owner, smtp, monkeypatch, time_machine):
    queued = []
    monkeypatch.setattr(leases, "_queue", lambda *args: queued.append(args[:2]))
    attempt = make_mailing(owner, [ClientFactory(owner=owner)]).attempts.get()
    time_machine.move_to(timezone.now() + timedelta(seconds=91))
    come_by()
    assert queued[0] == queued[1]
    worker.send_attempt(*queued[0])
    worker.send_attempt(*queued[1])
    attempt.refresh_from_db()
    assert (attempt.status, len(smtp.mails)) == ("succeeded", 1)


def test_nothing_is_claimed_before_the_message_is_prepared(owner, smtp, monkeypatch):
    order = []

    def noted(name, real):
        return lambda *args, **how: (order.append(name), real(*args, **how))[1]

    monkeypatch.setattr(send_loop, "compile_message", noted("prepare", compile_message))
    monkeypatch.setattr(LedgerWriter, "begin", noted("claim", LedgerWriter.begin))
    make_mailing(owner, [ClientFactory(owner=owner)])
    assert (order[:2], len(smtp.mails)) == (["prepare", "claim"], 1)


def test_a_header_injection_from_imported_names_stays_inside_its_header(owner, smtp):
    anna = ClientFactory(owner=owner, email="anna@example.org", full_name="Anna\r\nBcc: evil@example.org")
    make_mailing(owner, [anna])
    [mail] = smtp.mails
    assert mail.parsed["Bcc"] is None
    assert mail.parsed["Subject"] == "News for Anna"
    assert mail.parsed["To"].addresses[0].display_name == "Anna Bcc: evil@example.org"
