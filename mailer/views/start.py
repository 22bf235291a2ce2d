from django.http import HttpResponse
from django.shortcuts import render

from mailer.reporting.overview import overview_of
from site_config.ui.http import Request
from site_config.ui.views import SignedIn

LIVE_SECONDS, IDLE_SECONDS = 3, 60


class Start(SignedIn):
    """A user's own overview, which log-in leads to."""

    def get(self, request: Request) -> HttpResponse:
        overview = overview_of(request.user)
        moving = any(
            attempt.goes_on and not (attempt.mailing.paused_at or attempt.mailing.disabled_at)
            for attempt in overview.running
        )
        context = {"overview": overview, "poll": LIVE_SECONDS if moving else IDLE_SECONDS}
        return render(request, "start.html", context)
