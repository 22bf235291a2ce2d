"""What a recipient may do by the link of their mail, without log-in (RFC 8058)."""

from typing import TYPE_CHECKING

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from mailer.composing.unsubscribe_links import read_token
from mailer.models import Suppression
from mailer.returns import leaving

if TYPE_CHECKING:
    from django.http import HttpRequest


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: "HttpRequest", token: str) -> HttpResponse:
    """The way out: a POST acts, a GET only shows buttons, for mail scanners follow links.

    What the mail program posts at one click has no field of ours, and leaves everything.
    """
    known = read_token(token)
    if known is None:
        return _unknown(request)
    if request.method == "POST":
        said = request.POST
        if said.get("do") == "return":
            leaving.come_back(known)
        else:
            leaving.leave(known, what=said.get("what", leaving.ALL), why=said.get("why", ""))
        if "do" in request.POST:  # a person's: loading the page again must not act again
            return redirect("unsubscribe", token)
    found = leaving.relation(known)
    context = {"found": found, "token": token, "reasons": Suppression.Why.choices}
    done = (found.stop or found.left) and not (found.stops_less and "more" in request.GET)
    return render(request, "unsubscribe/done.html" if done else "unsubscribe/ask.html", context)


@require_safe
def unsubscribe_why(request: "HttpRequest", token: str) -> HttpResponse:
    """Why do I get this?"""
    known = read_token(token)
    if known is None:
        return _unknown(request)
    found = leaving.relation(known)
    context = {"found": found, "token": token, "latest": leaving.latest_mails(found)}
    return render(request, "unsubscribe/why.html", context)


@require_safe
def unsubscribe_data(request: "HttpRequest", token: str) -> HttpResponse:
    """What the sender holds of this address, as a file."""
    known = read_token(token)
    if known is None:
        return _unknown(request)
    data = leaving.data_of(leaving.relation(known))
    answer = JsonResponse(data, json_dumps_params={"ensure_ascii": False, "indent": 2})
    answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


def _unknown(request: "HttpRequest") -> HttpResponse:
    return render(request, "unsubscribe/unknown.html", status=404)
