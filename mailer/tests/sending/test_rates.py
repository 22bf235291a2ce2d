"""How fast mails may leave: for a mailing, for an owner, for the whole server."""

from itertools import pairwise
from time import monotonic

import pytest
from django.utils import timezone

from mailer.models import Lease, RateLimit
from mailer.sending import leases, rate_limit
from testing.sending import start

pytestmark = pytest.mark.django_db(transaction=True)


class TestRates:
    def test_places_lie_so_far_apart_that_no_minute_holds_more_than_the_limit(self, owner, settings):
        settings.MAIL_RATE_PER_MINUTE = 600
        step = (60 + rate_limit.LATENESS) / 600
        began = monotonic()
        places = []
        for mailing_id in (1, 2, 1):
            found = rate_limit.reserve(mailing_id=mailing_id, limit=5)
            places += [monotonic() - began + delay for delay in found.delays]
        assert len(places) == 15
        for earlier, later in pairwise(places):
            assert later - earlier > step - 0.05
        assert places[-1] > 14 * step - 0.05

    def test_who_would_wait_long_is_told_how_long(self, owner, settings):
        settings.MAIL_RATE_PER_MINUTE = 6
        assert len(rate_limit.reserve(mailing_id=1, limit=100).delays) == 1
        told = rate_limit.reserve(mailing_id=1, limit=100)
        assert told.delays == []
        assert 9 < told.wait <= 10.1

    def test_a_slow_mailing_leaves_the_servers_places_to_others(self, owner, settings):
        settings.MAIL_RATE_PER_MINUTE, settings.MAIL_RATE_PER_MAILING = 6000, 60
        assert len(rate_limit.reserve(mailing_id=1, limit=100).delays) == 1
        assert rate_limit.reserve(mailing_id=1, limit=100).delays == []
        assert len(rate_limit.reserve(mailing_id=2, limit=100).delays) == 1

    @pytest.mark.parametrize("scope", ["MAIL_RATE_PER_MINUTE", "MAIL_RATE_PER_MAILING"])
    def test_mails_leave_no_faster_than_the_limit(self, owner, rough, settings, scope):
        setattr(settings, scope, 900)
        times = []
        rough.answer = lambda _, verb, __: times.append(monotonic()) if verb == "DOT" else None
        began = monotonic()
        attempt = start(owner, 40)
        assert (attempt.status, attempt.sent) == ("succeeded", 40)
        step = (60 + rate_limit.LATENESS) / 900
        assert monotonic() - began < 40 * step + 3
        for number in range(len(times) - 10):
            assert times[number + 10] - times[number] > 10 * step - rate_limit.LATENESS
        assert RateLimit.objects.count() == 1

    def test_a_very_low_limit_ends_the_turn_and_comes_back_in_time(self, owner, rough, settings, monkeypatch):
        settings.MAIL_RATE_PER_MINUTE = 2
        monkeypatch.setattr(rate_limit, "LATENESS", 5)  # on a busy machine no slot is lost
        woken = []
        monkeypatch.setattr(leases, "wake", lambda attempt_id, *, at: woken.append(at))
        attempt = start(owner, 3)
        assert len(rough.taken) == 1
        assert 20 < (woken[0] - timezone.now()).total_seconds() < 33
        assert not Lease.objects.exists()
        assert attempt.deliveries.filter(status="queued", tries=0).count() == 2
