"""Several workers at one run, and several processes."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from mailer.models import Delivery, Lease
from mailer.sending import leases, worker
from testing.sending import start

pytestmark = pytest.mark.django_db(transaction=True)


class TestSeveralWorkers:
    """On PostgreSQL a large attempt has a worker in each process, each with claims of its own."""

    def test_each_delivery_is_claimed_by_one(self, owner, rough, settings):
        if not connection.features.has_select_for_update_skip_locked:
            pytest.skip("one worker an attempt on SQLite")
        settings.MAIL_SLICE_SECONDS = 60
        attempt = self._opened(owner, 600)
        tokens = [Lease.objects.get().token]
        for seat in (1, 2):
            lease = Lease.objects.create(
                attempt=attempt, seat=seat, expires_at=timezone.now() + leases.QUEUED
            )
            tokens.append(lease.token)

        def work(token):
            try:
                worker._send(attempt.pk, token, lambda _: None)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(token,)) for token in tokens]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        attempt.refresh_from_db()
        assert (attempt.status, attempt.sent, attempt.possibly_twice) == ("succeeded", 600, 0)
        assert len(rough.recipients) == len(set(rough.recipients)) == 600
        assert not Lease.objects.exists()

    def test_a_worker_that_finds_much_invites_another(self, owner, rough, settings, monkeypatch):
        if not connection.features.has_select_for_update_skip_locked:
            pytest.skip("one worker an attempt on SQLite")
        settings.MAIL_WINDOW = 10
        attempt = self._opened(owner, 60)
        queued = []
        monkeypatch.setattr(leases, "_queue", lambda *args: queued.append(args[:2]))
        worker.send_attempt(attempt.pk, Lease.objects.get().token)
        assert [attempt_id for attempt_id, *_ in queued] == [attempt.pk]
        worker.send_attempt(*queued[0][:2])  # too late: void
        assert len(rough.recipients) == 60

    def test_a_process_takes_one_seat_only_and_passes_the_other_on(self, owner, rough, monkeypatch):
        attempt = self._opened(owner, 5)
        passed = []
        monkeypatch.setattr(leases, "requeue", lambda *args: passed.append(args))
        token = Lease.objects.get().token
        assert worker._mark_sending(attempt.pk)
        worker.send_attempt(attempt.pk, token)
        assert passed == [(attempt.pk, token, 1)]
        worker.send_attempt(attempt.pk, token, requeues=worker.MAX_REQUEUES)
        worker._unmark_sending(attempt.pk)
        assert len(passed) == 1
        assert not Lease.objects.exists()
        assert rough.taken == []

    def test_the_next_turn_may_be_taken_by_the_process_that_had_the_last(self, owner, rough, settings):
        """Where the queue runs a task at once, it finds its process still busy unless that has stood up."""
        settings.MAIL_SLICE_SECONDS = 1
        rough.answer = lambda _, verb, __: (rough.over.wait(0.02 if verb == "DOT" else 0), None)[1]
        attempt = start(owner, 350)
        assert (attempt.status, attempt.sent) == ("succeeded", 350)

    def test_one_lost_worker_is_recovered_while_another_goes_on(self, owner, rough, time_machine):
        attempt = self._opened(owner, 5)
        lost = Lease.objects.get()
        leases.take(lost.token)
        Delivery.objects.filter(email__in=["0@example.org", "1@example.org"]).update(
            status="sending", lease=lost.token
        )
        Lease.objects.filter(pk=lost.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        other = Lease.objects.create(
            attempt=attempt, seat=1, running=True, expires_at=timezone.now() + leases.RUNNING
        )
        leases.enqueue(attempt.pk)
        assert list(Lease.objects.all()) == [other]
        attempt.refresh_from_db()
        assert attempt.possibly_twice == 2
        assert attempt.deliveries.filter(status="queued", possibly_twice=True, tries=0).count() == 2

    def _opened(self, owner, number):
        queue, leases._queue = leases._queue, lambda *_: None
        try:
            return start(owner, number)
        finally:
            leases._queue = queue
