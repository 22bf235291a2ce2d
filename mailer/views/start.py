from typing import Any

from django.utils.functional import cached_property
from django.views.generic import TemplateView

from mailer.reporting.overview import Overview, overview_of
from site_config.ui.http import Request
from site_config.ui.views import SignedIn

LIVE_SECONDS, IDLE_SECONDS = 3, 60


class Start(SignedIn, TemplateView):
    """A user's own overview, which log-in leads to."""

    template_name = "start.html"
    request: Request

    @cached_property
    def overview(self) -> Overview:
        return overview_of(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        moving = any(attempt.state in ("running", "waiting") for attempt in self.overview.running)
        poll = LIVE_SECONDS if moving else IDLE_SECONDS
        return {**super().get_context_data(**kwargs), "overview": self.overview, "poll": poll}
