"""Reports: every run, and what became of each mail of one."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from mailer.models import Attempt
from mailer.reporting.answers import answers_for, problem_for
from testing.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
)
from testing.pages import flat, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner):
    return MailingFactory(message=MessageFactory(owner=owner, subject="Spring"))


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("", {"Spring", "Весна", "Held", "Waiting"}),
        ("q=spring", {"Spring"}),
        ("q=ВЕСНА", {"Весна"}),
        ("state=failed", {"Весна"}),
        ("state=held", {"Held"}),
        ("state=waiting", {"Waiting"}),
        ("state=running", set()),
        ("state=nonsense", set()),
        ("since=2026-03-02", {"Held", "Waiting"}),
        ("until=2026-03-01", {"Spring", "Весна"}),
        ("since=2026-03-01&until=2026-03-01", {"Весна"}),
        ("since=yesterday", set()),
    ],
)
def test_the_filter_of_reports(query, subjects, browser, owner, stranger, mailing):
    def made(subject, day, **fields):
        other = MailingFactory(message=MessageFactory(owner=owner))
        due = datetime.fromisoformat(f"2026-{day}+00:00")
        AttemptFactory(mailing=other, subject=subject, scheduled_for=due, **fields)

    made("Spring", "02-27 12:00")
    made("Весна", "02-28 21:30", status="failed")  # 1 March, 00:30 in Moscow
    made("Held", "03-02 12:00", status="running", held_at=timezone.now(), problem="535 no")
    made("Waiting", "03-03 12:00", status="running", problem="421 later")
    AttemptFactory(mailing=MailingFactory(message=MessageFactory(owner=stranger)), subject="Foreign")
    assert {attempt.subject for attempt in shown(browser.get(f"/reports/?{query}"))} == subjects


@pytest.mark.parametrize(
    ("query", "emails"),
    [
        ("", ["a@example.org", "b@example.org", "c@example.org", "d@example.org"]),
        ("status=failed", ["b@example.org"]),
        ("status=queued", ["d@example.org"]),
        ("possibly_twice=True", ["c@example.org"]),
        ("q=A@EXAMPLE", ["a@example.org"]),
        ("status=nonsense", []),
        ("sort=-email", ["a@example.org", "b@example.org", "c@example.org", "d@example.org"]),
    ],
)
def test_a_report_shows_each_mail(query, emails, browser, owner, mailing):
    attempt = AttemptFactory(mailing=mailing, status="running", finished_at=None)
    made: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"status": "failed"},
        "c": {"possibly_twice": True},
        "d": {"status": "queued"},
    }
    for name, fields in made.items():
        client = ClientFactory(owner=owner, email=f"{name}@example.org")
        DeliveryFactory(attempt=attempt, client=client, **fields)
    DeliveryFactory(attempt=AttemptFactory(mailing=mailing))
    answer = browser.get(f"/reports/{attempt.pk}/?{query}")
    assert [delivery.email for delivery in shown(answer)] == emails


def test_a_report_s_facts_and_answers(browser, mailing):
    attempt = AttemptFactory(
        mailing=mailing,
        total=9,
        sent=5,
        failed=1,
        skipped=2,
        expired=1,
        possibly_twice=3,
        missed=2,
        answers={"250 Ok": 5, "Not mailed: unsubscribed": 2, "550 <b>no</b>": 1},
    )
    html = browser.get(f"/reports/{attempt.pk}/").content.decode()
    assert "2 earlier runs were missed and are combined with this one" in html
    assert "<strong>3</strong> possibly twice" in html
    assert html.index("550 &lt;b&gt;no") < html.index("250 Ok") < html.index("Not mailed: unsubscribed")


def test_our_own_reasons_are_in_the_reader_s_language(browser, mailing):
    attempt = AttemptFactory(mailing=mailing, answers={"Not mailed: unsubscribed": 2})
    DeliveryFactory(attempt=attempt, status="skipped", response="Not mailed: unsubscribed")
    html = browser.get(f"/reports/{attempt.pk}/", headers={"Accept-Language": "ru"}).content.decode()
    assert html.count("Не отправлено: адресат отписался") == 2


def test_the_state_of_a_run_is_live_until_it_is_finished(browser, mailing):
    attempt = AttemptFactory(mailing=mailing, status="running", finished_at=None, total=2, sent=1)
    url = f"/reports/{attempt.pk}/"
    page = browser.get(url)
    assert (page.context["poll"], 'hx-trigger="every 1s, look"' in flat(page)) == (1, True)
    seen = f"{page.context['above_mark']};{page.context['table'].marks}"
    look = {"HX-Request": "true", "HX-Target": "table-poll", "X-Seen": seen}
    assert browser.get(url, headers=look).status_code == 204
    Attempt.objects.filter(pk=attempt.pk).update(status="succeeded", finished_at=timezone.now(), sent=2)
    done = flat(browser.get(url, headers=look))
    assert done.startswith('<div id="table-poll"></div><div id="above-table" hx-swap-oob="true">')
    assert "every" not in done


def test_the_message_as_the_run_sent_it_is_the_snapshot(browser, mailing):
    attempt = AttemptFactory(mailing=mailing, body="<p>Old {{ first_name }}<script>x()</script></p>")
    answer = browser.get(f"/reports/{attempt.pk}/html/")
    assert "Old Anna" in answer.content.decode()
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_the_settings_stopped_is_tried_again(browser, owner, mailing, smtp):
    attempt = AttemptFactory(mailing=mailing, status="running", finished_at=None, total=1)
    delivery = DeliveryFactory(
        attempt=attempt, client=ClientFactory(owner=owner), status="queued", next_try_at=timezone.now()
    )
    Attempt.objects.filter(pk=attempt.pk).update(held_at=timezone.now(), problem="535 no")
    answer = browser.post(f"/reports/{attempt.pk}/retry/", headers={"HX-Request": "true"})
    assert set(json.loads(answer["HX-Trigger"])) == {"mailings:changed", "reports:changed", "toasts"}
    assert smtp.recipients == [delivery.email]
    attempt.refresh_from_db()
    assert (attempt.status, attempt.problem, attempt.sent) == ("succeeded", "", 1)
    again = browser.post(f"/reports/{attempt.pk}/retry/")
    assert (again.status_code, smtp.recipients) == (302, [delivery.email])


def test_a_report_names_refusals_first_and_ten_answers_at_most(mailing):
    answers = {f"250 kind {n}": 20 + n for n in range(30)} | {"550 5.1.1 no": 2, "other answers": 7}
    attempt = AttemptFactory(mailing=mailing, answers=answers)
    ranked = answers_for(attempt, mailing.owner)
    assert (ranked[0], len(ranked)) == ((2, "550 5.1.1 no"), 10)
    assert ranked[-1] == (sum(answers.values()) - sum(number for number, _ in ranked[:-1]), "other answers")


def test_addresses_are_hidden_unless_it_is_known_who_looks(mailing, stranger, manager, superuser):
    said = "550 5.1.1 <anna@example.org>: no such user"
    attempt = AttemptFactory(mailing=mailing, answers={said: 1}, problem=said)
    seen = {who: answers_for(attempt, who)[0][1] for who in (mailing.owner, superuser)}
    assert set(seen.values()) == {said}
    for who in (None, AnonymousUser(), stranger, manager):
        assert answers_for(attempt, who) == [(1, "550 5.1.1")]
        assert problem_for(attempt, who) == "550 5.1.1"
