"""A run sent again to exactly those whom it did not reach."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from mailer.models import Attempt, Mailing, Suppression
from mailer.sending.follow_up import send_again, why_not
from mailer.sending.opening import CannotRun
from testing.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, MessageFactory
from testing.pages import DIALOG, flat

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mailing(owner):
    message = MessageFactory(owner=owner, subject="As it is now")
    return MailingFactory(message=message, starts_at=timezone.now() - timedelta(days=9), ends_at=None)


@pytest.fixture
def attempt(mailing):
    """Reached: a. Not reached: b, c, d, whose address was wrong, and e, who is gone. Skipped: f."""
    attempt = AttemptFactory(
        mailing=mailing,
        status="partly",
        subject="As it was sent",
        total=6,
        sent=1,
        failed=3,
        expired=1,
        skipped=1,
    )
    fates = {"a": "sent", "b": "failed", "c": "expired", "d": "failed", "e": "failed", "f": "skipped"}
    for name, status in fates.items():
        client = ClientFactory(owner=mailing.owner, email=f"{name}@example.org")
        DeliveryFactory(attempt=attempt, client=client, status=status)
    mailing.owner.clients.filter(email="d@example.org").update(
        email="right@example.org", address_key="right@example.org"
    )
    mailing.owner.clients.get(email="e@example.org").delete()
    return attempt


def test_exactly_those_not_reached_get_what_the_run_sent(attempt, mailing, smtp):
    again = send_again(attempt.pk)
    again.refresh_from_db()
    assert (again.follows, again.mailing, again.subject) == (attempt, mailing, "As it was sent")
    assert sorted(smtp.recipients) == ["b@example.org", "c@example.org", "right@example.org"]
    assert (again.status, again.total, again.sent) == ("succeeded", 3, 3)
    assert Attempt.objects.get(pk=attempt.pk).followed_by == again


def test_who_is_on_the_stop_list_is_skipped(attempt, owner, smtp):
    Suppression.objects.create(owner=owner, email="b@example.org", reason="bounced")
    again = send_again(attempt.pk)
    again.refresh_from_db()
    assert sorted(smtp.recipients) == ["c@example.org", "right@example.org"]
    assert (again.total, again.sent, again.skipped) == (3, 2, 1)


def test_a_run_is_followed_once_and_its_follow_up_in_turn(attempt, smtp):
    again = send_again(attempt.pk)
    with pytest.raises(CannotRun, match="It has already been sent again"):
        send_again(attempt.pk)
    with pytest.raises(CannotRun, match="Everybody was reached"):
        send_again(again.pk)
    assert len(smtp.recipients) == 3
    with pytest.raises(IntegrityError), transaction.atomic():
        AttemptFactory(mailing=attempt.mailing, follows=attempt)


@pytest.mark.parametrize(
    ("changed", "of_mailing", "says"),
    [
        ({"status": "running", "finished_at": None}, {}, "This run is not over yet."),
        ({"failed": 0, "expired": 0}, {}, "Everybody was reached."),
        ({"pruned_at": timezone.now()}, {}, "has been deleted"),
        ({}, {"paused_at": timezone.now()}, "This mailing is paused."),
        ({}, {"disabled_at": timezone.now()}, "disabled by a manager"),
        ({}, {"ends_at": timezone.now() - timedelta(hours=1)}, "This mailing has ended."),
    ],
)
def test_what_cannot_be_sent_again_says_why(changed, of_mailing, says, attempt, mailing, smtp):
    Attempt.objects.filter(pk=attempt.pk).update(**changed)
    Mailing.objects.filter(pk=mailing.pk).update(**of_mailing)
    assert says in why_not(Attempt.objects.get(pk=attempt.pk))
    with pytest.raises(CannotRun, match=says):
        send_again(attempt.pk)
    assert (smtp.recipients, Attempt.objects.count()) == ([], 1)


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_the_page_asks_and_leads_to_the_follow_up(headers, attempt, browser, smtp):
    url = f"/reports/{attempt.pk}/again/"
    assert f'href="{url}"' in browser.get(f"/reports/{attempt.pk}/").content.decode()
    question = flat(browser.get(url, headers=headers))
    assert "Send this run's message to the 3 clients it did not reach?" in question
    answer = browser.post(url, headers=headers)
    again = Attempt.objects.get(follows=attempt)
    assert f"/reports/{again.pk}/" in (answer["HX-Redirect"] if headers else answer["Location"])
    assert browser.post(url, headers=headers).status_code == 422
    assert len(smtp.recipients) == 3
    assert f'href="/reports/{again.pk}/"' in browser.get(f"/reports/{attempt.pk}/").content.decode()
    assert f'href="/reports/{attempt.pk}/"' in browser.get(f"/reports/{again.pk}/").content.decode()
    assert url not in browser.get(f"/reports/{attempt.pk}/").content.decode()


def test_nobody_else_is_asked(attempt, client_of, stranger, manager, smtp):
    url = f"/reports/{attempt.pk}/again/"
    assert client_of(stranger).post(url).status_code == 404
    assert client_of(manager).post(url).status_code == 403
    assert url not in client_of(manager).get(f"/reports/{attempt.pk}/").content.decode()
    assert smtp.recipients == []
