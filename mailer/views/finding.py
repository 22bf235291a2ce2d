from django.http import HttpResponse
from django.shortcuts import render

from mailer.reporting.finding import find
from mailer.views.client_page import typed
from site_config.ui.http import Request
from site_config.ui.views import SignedIn


class Find(SignedIn):
    """What the palette finds while somebody types; a page of its own without scripts."""

    def get(self, request: Request) -> HttpResponse:
        context = {"found": find(user=request.user, text=typed(request))}
        return render(request, "includes/palette_found.html", context)
