"""Whole weeks on a simulated clock: each mailing runs when it should, also across a stopped consumer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer import tasks
from mailer.models import Mailing
from testing.factories import ClientFactory
from testing.sending import make_mailing

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 1, 31, 8, tzinfo=UTC)  # a Saturday, 09:00 in Berlin
END = datetime(2026, 5, 15, tzinfo=UTC)


@pytest.fixture
def mailings(owner, smtp, time_machine):
    time_machine.move_to(START - timedelta(hours=1), tick=False)
    client = ClientFactory(owner=owner)
    fields: dict[str, Any] = {"starts_at": START, "ends_at": END, "time_zone": "Europe/Berlin"}
    periods = ("once", "daily", "weekly", "monthly")
    return {period: make_mailing(owner, [client], period=period, **fields) for period in periods}


def look_in(time_machine, since, until):
    """What the consumer does all the time, every three hours."""
    moment = since
    while moment <= until:
        time_machine.move_to(moment, tick=False)
        tasks.catch_up()
        moment += timedelta(hours=3)


def runs(mailing):
    rows = mailing.attempts.order_by("scheduled_for").values_list("scheduled_for", "missed", "status")
    return [(f"{due:%m-%d %H:%M}", missed, status) for due, missed, status in rows]


def utc_hour(day):
    """09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer, which begins on 29 March."""
    return 7 if day >= datetime(2026, 3, 29, tzinfo=UTC) else 8


def test_fifteen_weeks(mailings, smtp, time_machine):
    look_in(time_machine, START, END + timedelta(hours=2))
    days = [START + timedelta(days=n) for n in range(104)]
    daily = [(f"{day:%m-%d} {utc_hour(day):02}:00", 0, "succeeded") for day in days]
    assert runs(mailings["once"]) == daily[:1]
    assert runs(mailings["daily"]) == daily
    assert runs(mailings["weekly"]) == daily[::7]
    assert runs(mailings["monthly"]) == [
        ("01-31 08:00", 0, "succeeded"),
        ("02-28 08:00", 0, "succeeded"),
        ("03-31 07:00", 0, "succeeded"),
        ("04-30 07:00", 0, "succeeded"),
    ]
    assert len(smtp.mails) == 1 + 104 + 15 + 4
    assert set(Mailing.objects.values_list("status", "next_run_at")) == {("finished", None)}


def test_a_consumer_that_was_stopped_for_weeks(mailings, smtp, time_machine):
    look_in(time_machine, START, START + timedelta(days=2))
    back = datetime(2026, 4, 2, 12, tzinfo=UTC)
    look_in(time_machine, back, back + timedelta(days=1))
    assert runs(mailings["once"]) == [("01-31 08:00", 0, "succeeded")]
    assert runs(mailings["daily"]) == [
        ("01-31 08:00", 0, "succeeded"),
        ("02-01 08:00", 0, "succeeded"),
        ("02-02 08:00", 0, "succeeded"),
        ("04-02 07:00", 58, "succeeded"),
        ("04-03 07:00", 0, "succeeded"),
    ]
    assert runs(mailings["weekly"]) == [("01-31 08:00", 0, "succeeded"), ("03-28 08:00", 7, "succeeded")]
    assert runs(mailings["monthly"]) == [("01-31 08:00", 0, "succeeded"), ("03-31 07:00", 1, "succeeded")]
    assert len(smtp.mails) == 1 + 5 + 2 + 2
