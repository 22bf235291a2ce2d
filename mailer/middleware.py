from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from mailer.composing.slots import ASKER, SEEN_BUSY

GetResponse = Callable[[HttpRequest], HttpResponse]
ANYBODY = 0


def preparing_asker(get_response: GetResponse) -> GetResponse:
    """Tell the code that prepares messages who is waiting for this response."""

    def middleware(request: HttpRequest) -> HttpResponse:
        token, seen = ASKER.set(request.user.pk or ANYBODY), SEEN_BUSY.set([])
        try:
            return get_response(request)
        finally:
            ASKER.reset(token)
            SEEN_BUSY.reset(seen)

    return middleware
