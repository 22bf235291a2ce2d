"""What reports add up: totals, charts, meanings and domains, from counts that runs keep."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from mailer.models import Attempt, DomainCount, Suppression
from mailer.reporting.domains import count_domains, count_left_over
from mailer.reporting.figures import figures_of, totals_of
from testing.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, MessageFactory

pytestmark = pytest.mark.django_db
URL = "/reports/figures/"
NO_USER = "550 5.1.1 …: Recipient address rejected: User unknown"
FULL = "452 4.2.2 …: Mailbox full"


@pytest.fixture
def mailing(owner):
    return MailingFactory(message=MessageFactory(owner=owner), name="Spring")


def run(mailing, day, hour=9, **counts):
    moment = datetime(2026, 3, day, hour, tzinfo=UTC)
    answers = counts.pop("answers", {})
    total = sum(counts.values())
    return AttemptFactory(mailing=mailing, scheduled_for=moment, total=total, answers=answers, **counts)


def numbers(chart):
    return [(bar.label, bar.sent, bar.refused, bar.left) for bar in chart.bars if bar.top]


@time_machine.travel(datetime(2026, 3, 9, tzinfo=UTC))
def test_totals_and_charts_add_up_what_runs_counted(owner, mailing):
    run(mailing, 1, sent=5, failed=1, skipped=2)
    run(mailing, 1, hour=10, sent=3, expired=4)
    run(MailingFactory(message=MessageFactory(owner=owner), name="Autumn"), 2, hour=10, sent=20)
    stop = Suppression.objects.create(owner=owner, email="a@example.org", reason="unsubscribed")
    Suppression.objects.filter(pk=stop.pk).update(created_at=datetime(2026, 3, 2, 23, tzinfo=UTC))

    figures = figures_of(Attempt.objects.all(), seen_by=owner)
    totals = figures.totals
    assert (totals.runs, totals.total, totals.sent, totals.failed) == (3, 35, 28, 1)
    assert (totals.skipped, totals.expired) == (2, 4)
    assert numbers(figures.days) == [("1 Mar", 8, 5, 0), ("2 Mar", 20, 0, 1)]
    assert numbers(figures.hours) == [("09:00", 5, 1, 0), ("10:00", 23, 4, 0)]
    assert numbers(figures.mailings) == [("Autumn", 20, 0, 0), ("Spring", 8, 5, 0)]
    assert figures.days.summary == "Most: 2 Mar, with 20 sent and 0 not delivered."


@pytest.mark.parametrize(
    ("language", "now", "shown"),
    [("en", 2026, "2 Mar"), ("en", 2027, "2 Mar 2026"), ("ru", 2026, "02.03"), ("ru", 2027, "02.03.2026")],
)
def test_the_axis_the_table_and_the_sentence_write_a_day_alike(owner, mailing, language, now, shown):
    run(mailing, 2, sent=5)
    with time_machine.travel(datetime(now, 6, 1, tzinfo=UTC)), translation.override(language):
        chart = figures_of(Attempt.objects.all(), seen_by=owner).days
    assert [(bar.label, bar.short) for bar in chart.bars] == [(shown, shown)]
    assert f" {shown}, " in chart.summary


@time_machine.travel(datetime(2026, 3, 9, tzinfo=UTC))
def test_who_left_and_who_complained_stands_beside_the_mailing_and_the_day(owner, stranger, mailing):
    attempt = run(mailing, 1, sent=5)
    run(MailingFactory(message=MessageFactory(owner=owner), name="Autumn"), 2, sent=20)
    for number, reason in enumerate(("unsubscribed", "unsubscribed", "complained", "bounced", "added")):
        Suppression.objects.create(owner=owner, email=f"{number}@example.org", reason=reason, attempt=attempt)
    Suppression.objects.create(owner=stranger, email="9@example.org", reason="complained")
    Suppression.objects.update(created_at=datetime(2026, 3, 2, 12, tzinfo=UTC))
    figures = figures_of(Attempt.objects.all(), seen_by=owner)
    gone = {
        chart.title: [(bar.label, bar.left, bar.complained) for bar in chart.bars]
        for chart in (figures.days, figures.mailings)
    }
    assert gone == {
        "Latest days with a run": [("1 Mar", 0, 0), ("2 Mar", 2, 1)],
        "By mailing": [("Autumn", 0, 0), ("Spring", 2, 1)],
    }


def test_a_chart_of_nothing_draws_nothing(owner):
    figures = figures_of(Attempt.objects.none(), seen_by=owner)
    assert (figures.totals.runs, numbers(figures.days), figures.meanings) == (0, [], [])
    assert totals_of(Attempt.objects.none()).sent == 0


def test_refusals_of_one_meaning_are_counted_together_and_say_what_to_do(owner, mailing):
    run(mailing, 1, failed=3, answers={NO_USER: 3, "250 Ok": 9, "Not mailed: unsubscribed": 2})
    run(mailing, 2, failed=2, answers={FULL: 4, "550 5.1.1 No such user here": 2})
    first, second = figures_of(Attempt.objects.all(), seen_by=owner).meanings
    assert (first.number, first.sentence, first.example) == (5, "This address does not exist.", NO_USER)
    assert first.remedy == "It is on the stop-list now. Ask the person for another address."
    assert (second.number, second.sentence) == (4, "The recipient's mailbox is full.")


def deliver(mailing, **statuses):
    attempt = run(mailing, 1, sent=len(statuses))
    for email, status in statuses.items():
        client = ClientFactory(owner=mailing.owner, email=email.replace("_at_", "@").replace("_", "."))
        DeliveryFactory(attempt=attempt, client=client, status=status)
    counts = {name: list(statuses.values()).count(name) for name in ("sent", "failed")}
    Attempt.objects.filter(pk=attempt.pk).update(total=len(statuses), **counts)
    return attempt


def test_domains_are_counted_from_the_ledger_once(owner, mailing, monkeypatch):
    attempt = deliver(
        mailing, a_at_one_org="sent", b_at_ONE_org="failed", c_at_two_org="sent", d_at_three_org="skipped"
    )
    monkeypatch.setattr("mailer.reporting.domains.KEPT", 2)
    count_domains(attempt.pk)
    count_domains(attempt.pk)
    found = DomainCount.objects.order_by("-total", "-domain").values_list("domain", "total", "sent", "failed")
    assert list(found) == [("one.org", 2, 1, 1), ("three.org", 1, 0, 0), ("", 1, 1, 0)]
    assert numbers(figures_of(Attempt.objects.all(), seen_by=owner).domains)[0] == ("one.org", 1, 1, 0)
    assert numbers(figures_of(Attempt.objects.all(), seen_by=None).domains) == []


def test_what_no_task_counted_is_found_and_a_run_that_goes_on_is_not(mailing):
    attempt = deliver(mailing, a_at_one_org="sent")
    going_on = deliver(MailingFactory(message=mailing.message), b_at_one_org="sent")
    Attempt.objects.filter(pk=going_on.pk).update(status="running", finished_at=None)
    count_left_over()
    assert list(DomainCount.objects.values_list("attempt", "domain")) == [(attempt.pk, "one.org")]


@time_machine.travel(datetime(2026, 3, 9, tzinfo=UTC))
def test_the_page_is_drawn_of_one_s_own_runs_without_script_or_style(owner, client_of, mailing, stranger):
    run(mailing, 1, sent=5, failed=1, answers={NO_USER: 1})
    other = MailingFactory(message=MessageFactory(owner=stranger), name="Foreign")
    run(other, 1, sent=1_000)
    html = client_of(owner).get(URL).content.decode()
    assert all(text in html for text in ("Spring", "This address does not exist.", "1 Mar"))
    assert "Foreign" not in html
    assert " style=" not in html
    assert html.count("<svg") == html.count("</svg>")
    assert "No runs found" in client_of(owner).get(URL, {"q": "nothing"}).content.decode()
    assert "No runs found" in client_of(owner).get(URL, {"state": "nonsense"}).content.decode()


def test_numbers_in_drawings_have_points_in_every_language(owner, client_of, mailing):
    for day in (1, 2, 3):
        run(mailing, day, sent=day)
    html = client_of(owner).get(URL, headers={"Accept-Language": "ru"}).content.decode()
    assert 'x="36.0"' in html
    assert "По рассылкам" in html


def test_a_manager_sees_all_figures_and_no_address(mailing, manager, client_of):
    run(mailing, 1, failed=1, answers={"550 5.1.1 anna@example.org is unknown": 1})
    html = client_of(manager).get(URL).content.decode()
    assert "Spring" in html
    assert "550 5.1.1" in html
    assert "anna" not in html


@pytest.mark.parametrize("url", [URL, "/reports/"])
def test_one_run_and_thirty_cost_the_same(url, owner, client_of, mailing):
    browser = client_of(owner)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            browser.get(url)
        return len(captured)

    run(mailing, 1, sent=1)
    queries()
    few = queries()
    for day in range(2, 31):
        run(mailing, day, sent=day)
    assert queries() == few
