from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from mailer.composing.unsubscribe_links import read_token, suppress
from mailer.models import Suppression


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The recipient's way out (RFC 8058): a POST without log-in acts, a GET only shows a button.

    Mail scanners follow links, so a GET must not change anything.
    """
    known = read_token(token)
    if known is None:
        return render(request, "unsubscribe/unknown.html", status=404)
    owner_id, email = known
    if request.method == "POST":
        suppress(owner_id=owner_id, email=email, reason=Suppression.Reason.UNSUBSCRIBED)
        return render(request, "unsubscribe/done.html", {"email": email})
    stopped = Suppression.objects.matching_address(email, owner_id).exists()
    return render(request, "unsubscribe/done.html" if stopped else "unsubscribe/ask.html", {"email": email})
