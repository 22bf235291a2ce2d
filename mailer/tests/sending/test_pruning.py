"""The ledger's old rows go at night; what a run came to stays."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mailer import tasks
from mailer.models import Attempt, Delivery
from mailer.sending import pruning
from site_config.shutdown import STOPPING
from testing.factories import AttemptFactory, DeliveryFactory, MailingFactory, MessageFactory
from testing.pages import flat

pytestmark = pytest.mark.django_db


def attempt(*, days, mails=3, **fields):
    ended = timezone.now() - timedelta(days=days)
    made = AttemptFactory(finished_at=ended, total=mails, sent=mails, **fields)
    DeliveryFactory.create_batch(mails, attempt=made, status="sent")
    return made


def left():
    return set(Delivery.objects.values_list("attempt", flat=True))


def test_old_deliveries_go_and_their_counts_stay(capsys):
    old, older, recent = attempt(days=31), attempt(days=400, mails=5), attempt(days=29)
    running = attempt(days=0, status="running")
    Attempt.objects.filter(pk=running.pk).update(
        finished_at=None, started_at=timezone.now() - timedelta(days=90)
    )
    call_command("prune_deliveries", days=30)
    assert capsys.readouterr().out == "Deleted 8 deliveries of 2 runs.\n"
    assert left() == {recent.pk, running.pk}
    assert [Attempt.objects.get(pk=row.pk).sent for row in (old, older)] == [3, 5]
    pruned = Attempt.objects.filter(pruned_at__isnull=False)
    assert {row.pk for row in pruned} == {old.pk, older.pk}
    call_command("prune_deliveries", days=30)
    assert capsys.readouterr().out == "Deleted 0 deliveries of 0 runs.\n"


@pytest.mark.parametrize(("batch", "queries"), [(2, 2 + 3 * 2), (5000, 2 + 2)])
def test_it_goes_in_batches(batch, queries, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(pruning, "BATCH", batch)
    attempt(days=9, mails=5)
    with django_assert_num_queries(queries):
        pruned = pruning.prune(before=timezone.now() - timedelta(days=8))
    assert pruned == (1, 5)
    assert not left()


def test_a_stop_is_heard_between_two_batches_and_the_next_call_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(pruning, "BATCH", 2)
    old = attempt(days=9, mails=5)
    real = pruning.delete_some

    def stopped(attempt_id, first):
        STOPPING.set()
        return real(attempt_id, first)

    monkeypatch.setattr(pruning, "delete_some", stopped)
    try:
        with pytest.raises(CommandError, match="goes on where it stopped"):
            call_command("prune_deliveries", days=8)
    finally:
        STOPPING.clear()
    assert capsys.readouterr().out == "Deleted 2 deliveries of 0 runs.\n"
    said = Attempt.objects.get(pk=old.pk).pruned_at
    assert said is not None
    monkeypatch.setattr(pruning, "delete_some", real)
    call_command("prune_deliveries", days=8)
    assert capsys.readouterr().out == "Deleted 3 deliveries of 1 runs.\n"
    assert Attempt.objects.get(pk=old.pk).pruned_at == said


@pytest.mark.parametrize("days", [0, -1, 36_501, 10**30])
def test_days_that_make_no_sense_delete_nothing(days):
    attempt(days=9)
    with pytest.raises(CommandError, match="from 1 to 36500"):
        call_command("prune_deliveries", days=days)
    assert Delivery.objects.count() == 3


@pytest.mark.parametrize("days", ["", "a year", "1.5", "30\r\n--days=1"])
def test_days_that_are_no_number_are_refused(days):
    with pytest.raises(CommandError, match="invalid int value"):
        call_command("prune_deliveries", f"--days={days}")


@pytest.mark.parametrize(("keep", "kept"), [(365, 3), (0, 6), (1, 0)])
def test_every_night_for_as_many_days_as_is_set(keep, kept, settings):
    settings.KEEP_DELIVERIES_DAYS = keep
    attempt(days=366)
    attempt(days=364)
    tasks.prune.call_local()
    assert Delivery.objects.count() == kept


def test_a_pruned_report_says_so_and_keeps_its_counts(owner, client_of):
    mailing = MailingFactory(message=MessageFactory(owner=owner))
    old = attempt(days=9, mailing=mailing)
    browser = client_of(owner)
    before = flat(browser.get(f"/reports/{old.pk}/"))
    assert "<table" in before
    call_command("prune_deliveries", days=8)
    page = flat(browser.get(f"/reports/{old.pk}/"))
    assert "The record of each recipient was deleted on" in page
    assert "<strong>3</strong>sent" in page
    assert "<table" not in page
