"""Error pages that need neither the database nor a signed-in user."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


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
