"""Error pages that need neither the database nor a signed-in user."""

import sys

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say of a form that is too large what it is."""
    if isinstance(exception, RequestDataTooBig):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database or Redis is away, else 500; never a traceback."""
    error = sys.exc_info()[1]
    away = isinstance(error, OperationalError | InterfaceError | ConnectionError) or (
        type(error).__module__.startswith("redis.")
    )
    response = render(request, "error.html", {"away": away}, status=503 if away else 500)
    if away:
        response["Retry-After"] = "30"
    return response
