"""When a mailing runs: missed, late, ended, edited, and run by hand."""

from datetime import timedelta

import pytest
from django.utils import timezone

from mailer import mailings
from mailer.models import Attempt, Delivery, Mailing
from mailer.sending import closing, opening
from testing.factories import ClientFactory
from testing.sending import come_by, make_mailing

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_end_expires_what_is_unsent(owner, smtp, time_machine):
    smtp.at_data = lambda _: "451 later"
    ends_at = timezone.now() + timedelta(seconds=30)
    mailing = make_mailing(owner, [ClientFactory(owner=owner)], ends_at=ends_at)
    time_machine.move_to(ends_at + timedelta(seconds=1))
    come_by()
    attempt = mailing.attempts.get()
    assert (attempt.status, attempt.expired) == ("failed", 1)
    assert attempt.deliveries.get().response == "Not sent: the mailing ended first"
    mailing.refresh_from_db()
    assert mailing.status == "finished"


def test_the_next_run_overtakes_what_waits_for_a_retry(owner, smtp, time_machine):
    smtp.at_data = lambda _: "451 later"
    mailing = make_mailing(owner, [ClientFactory(owner=owner)], period="daily")
    first = mailing.attempts.get()
    smtp.at_data = lambda _: None
    mailing.refresh_from_db()
    # The server rested on nothing: only this recipient was told to wait.
    Delivery.objects.update(next_try_at=mailing.next_run_at + timedelta(hours=1))
    time_machine.move_to(mailing.next_run_at)
    come_by()
    first.refresh_from_db()
    assert (first.status, first.expired) == ("failed", 1)
    assert first.deliveries.get().response == closing.OVERTAKEN
    assert [a.status for a in mailing.attempts.order_by("pk")] == ["failed", "succeeded"]


def test_runs_missed_while_the_service_was_down_fold_into_one(owner, smtp, time_machine):
    mailing = make_mailing(owner, [ClientFactory(owner=owner)], period="daily")
    started = mailing.starts_at
    time_machine.move_to(started + timedelta(days=4, hours=2))
    come_by()
    come_by()
    late = mailing.attempts.order_by("pk").last()
    assert mailing.attempts.count() == 2
    assert (late.scheduled_for, late.missed) == (started + timedelta(days=4), 3)
    mailing.refresh_from_db()
    assert mailing.next_run_at == started + timedelta(days=5)


def test_a_mailing_that_ended_while_the_service_was_down_says_so(owner, smtp, time_machine):
    starts_at = timezone.now() + timedelta(hours=1)
    ends_at = starts_at + timedelta(hours=1)
    mailing = make_mailing(owner, [ClientFactory(owner=owner)], starts_at=starts_at, ends_at=ends_at)
    time_machine.move_to(ends_at + timedelta(hours=1))
    come_by()
    attempt = mailing.attempts.get()
    assert [mail.recipient for mail in smtp.mails] == [owner.email]  # who is told
    assert (attempt.status, attempt.expired) == ("failed", 1)
    assert attempt.deliveries.get().response == opening.DOWN
    mailing.refresh_from_db()
    assert (mailing.status, mailing.next_run_at) == ("finished", None)


def test_an_edit_does_not_change_or_repeat_a_run(owner, smtp):
    anna = ClientFactory(owner=owner)
    mailing = make_mailing(owner, [anna])
    mailing.refresh_from_db()
    mailing.message.subject = "Changed"
    mailing.message.save()
    mailings.save_mailing(mailing, clients=[anna], groups=[])
    assert [a.subject for a in mailing.attempts.all()] == ["News for {{ first_name }}"]
    assert len(smtp.mails) == 1


def test_run_now_runs_once_for_the_same_click(owner, smtp):
    mailing = make_mailing(owner, [ClientFactory(owner=owner)])
    seen = opening.latest_id(mailing)
    opening.run_now(mailing=mailing, after=seen)
    with pytest.raises(opening.CannotRun, match="nothing was sent twice"):
        opening.run_now(mailing=mailing, after=seen)
    assert len(smtp.mails) == 2


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"paused_at": timezone.now()}, "paused"),
        ({"disabled_at": timezone.now()}, "disabled"),
        ({"ends_at": timezone.now() - timedelta(seconds=1)}, "ended"),
    ],
)
def test_run_now_says_why_not(owner, smtp, fields, why):
    mailing = make_mailing(owner, [ClientFactory(owner=owner)], starts_at=timezone.now() + timedelta(days=1))
    Mailing.objects.update(**{"starts_at": timezone.now() - timedelta(days=9), **fields})
    with pytest.raises(opening.CannotRun, match=why):
        opening.run_now(mailing=mailing, after=None)
    assert not Attempt.objects.exists()
