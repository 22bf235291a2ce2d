"""What the list says of a mailing, and offers to do with it, under each switch."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailer.models import Consumer, Mailing
from testing.factories import AttemptFactory, MailingFactory

NOW = timezone.now()
SOON = NOW + timedelta(days=1)
ON = {"status": "running", "starts_at": NOW - timedelta(days=3), "next_run_at": SOON, "period": "daily"}
OVER = {"status": "finished", "starts_at": NOW - timedelta(days=3), "next_run_at": None}
HELD = {"status": "running", "finished_at": None, "held_at": NOW, "problem": "550 5.7.1 No"}
RESTS = {"status": "running", "finished_at": None, "problem": "421 Later"}
SENDS = {"status": "running", "finished_at": None}


def row_of(mailing: Mailing, browser) -> tuple[str, str, list[str]]:
    """What stands in the row: its state, its next run, and its actions, the one in sight first."""
    page = browser.get(reverse("mailings")).content.decode()
    row = re.search(rf'<tr id="mailing-{mailing.pk}".*?</tr>', page, re.DOTALL)
    cells = dict(re.findall(r'class="col-(\w+) .*?data-label="[^"]*">(.*?)</td>', row[0], re.DOTALL))
    text = {name: re.sub(r"<[^>]+>", "", cell).strip() for name, cell in cells.items()}
    actions = re.findall(rf'id="mailing-{mailing.pk}-(?!more|menu|cell)(\w+)"', row[0])
    return text["state"], text["next_run_at"], actions


@pytest.mark.parametrize(
    ("fields", "run", "state", "comes", "actions"),
    [
        (ON, None, "on schedule", True, ["pause", "run", "edit", "clone", "delete"]),
        (ON, SENDS, "sending now", True, ["pause", "run", "edit", "clone", "delete"]),
        (ON, HELD, "on hold", True, ["retry", "pause", "run", "edit", "clone", "delete"]),
        (ON, RESTS, "waiting for the server", True, ["pause", "run", "edit", "clone", "delete"]),
        (ON | {"paused_at": NOW}, None, "paused", False, ["resume", "edit", "clone", "delete"]),
        (ON | {"paused_at": NOW}, HELD, "paused", False, ["resume", "edit", "clone", "delete"]),
        (ON | {"disabled_at": NOW}, None, "disabled", False, ["edit", "clone", "delete"]),
        (ON | {"disabled_at": NOW, "paused_at": NOW}, None, "disabled", False, ["edit", "clone", "delete"]),
        (OVER, None, "finished", False, ["run", "edit", "clone", "delete"]),
        (OVER | {"ends_at": NOW - timedelta(days=1)}, None, "finished", False, ["edit", "clone", "delete"]),
    ],
)
def test_the_row_of_an_owner_tells_each_switch(fields, run, state, comes, actions, message, client_of):
    mailing = MailingFactory(message=message, **fields)
    if run:
        AttemptFactory(mailing=mailing, **run)
    shown_state, next_run, shown_actions = row_of(mailing, client_of(message.owner))
    assert (shown_state, bool(next_run), shown_actions) == (state, comes, actions)
    page = client_of(message.owner).get(reverse("mailing_detail", args=[mailing.pk])).content.decode()
    assert ('id="mailing-run"' in page) is ("run" in actions)
    assert ("Next runs" in page) is comes
    assert state in page


def test_what_is_on_hold_goes_on_from_its_row(message, client_of):
    mailing = MailingFactory(message=message, **ON)
    attempt = AttemptFactory(mailing=mailing, **HELD)
    browser = client_of(message.owner)
    page = browser.get(reverse("mailings")).content.decode()
    address = reverse("attempt_retry", args=[attempt.pk])
    assert f'hx-post="{address}"' in page
    answer = browser.post(address, headers={"HX-Request": "true", "HX-Target": f"mailing-{mailing.pk}"})
    assert answer.status_code == 204
    attempt.refresh_from_db()
    assert attempt.held_at is None


@pytest.mark.parametrize("consumers", [0, 1])
def test_a_run_that_does_not_begin_says_why(consumers, message, client_of):
    mailing = MailingFactory(message=message, **ON | {"next_run_at": NOW - timedelta(seconds=90)})
    if consumers:
        Consumer.objects.create(name="here:1", started_at=NOW, seen_at=timezone.now())
    page = client_of(message.owner).get(reverse("mailing_detail", args=[mailing.pk])).content.decode()
    assert "has not begun" in page
    assert ("No consumer is running" in page) is not bool(consumers)
    Mailing.objects.update(next_run_at=timezone.now() - timedelta(seconds=20))
    page = client_of(message.owner).get(reverse("mailing_detail", args=[mailing.pk])).content.decode()
    assert "has not begun" not in page
