"""The state of the service itself: whether it sends, and what keeps it from sending."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render

from mailer.reporting.operation import Operation
from site_config.health import state
from site_config.ui.http import Request
from site_config.ui.views import SignedIn


class Service(SignedIn):
    """For managers: consumers, servers, held runs."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and not request.user.oversees:
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: Request) -> HttpResponse:
        return render(request, "service.html", {"service": Operation(), "parts": state()})
