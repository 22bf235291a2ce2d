"""What a recipient may do by the link in their mail, without log-in (RFC 8058)."""

from functools import wraps
from typing import TYPE_CHECKING

from allauth.core.internal import ratelimit  # the public one lets every GET through
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from mailer.audience.subscribing import set_topics
from mailer.composing.unsubscribe_links import Link, read_token
from mailer.forms.picker import as_ids
from mailer.models import Suppression
from mailer.returns import leaving
from mailer.returns.forgetting import forget
from people.addresses import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest


def _of_token(view: "Callable[..., HttpResponse]") -> "Callable[..., HttpResponse]":
    """A view of a link that is ours, for somebody who is not forgotten; for others there is one calm page."""

    @wraps(view)
    def answer(request: "HttpRequest", token: str) -> HttpResponse:
        link = read_token(token)
        if link is None:
            return render(request, "unsubscribe/unknown.html", status=404)
        if leaving.is_forgotten(link):
            return render(request, "unsubscribe/forgotten.html")
        return view(request, token, link)

    return answer


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@_of_token
def unsubscribe(request: "HttpRequest", token: str, link: Link) -> HttpResponse:
    """The unsubscribe page: a POST acts, a GET only shows buttons, because mail scanners follow links.

    A mail program's one-click POST has none of our fields, and means everything from this sender.
    """
    if request.method == "POST":
        data = request.POST
        if data.get("do") == "return":
            leaving.come_back(link)
        elif data.get("do") == "topics":
            wanted = as_ids(data.getlist("topic"))
            client = leaving.relation(link).client
            set_topics(owner_id=link.owner_id, email=link.email, client=client, wanted=wanted)
        else:
            leaving.leave(link, what=data.get("what", leaving.ALL), why=data.get("why", ""))
        if "do" in data:  # a person's request: reloading the page must not act again
            return redirect("unsubscribe", token)
    found = leaving.relation(link)
    context = {
        "found": found,
        "subject": leaving.mailing_as_read(found),
        "token": token,
        "reasons": Suppression.Why.choices,
        "topics": leaving.topics_of(found),
    }
    done = (found.stop or found.left) and not (found.stops_less and "more" in request.GET)
    return render(request, "unsubscribe/done.html" if done else "unsubscribe/ask.html", context)


@require_safe
@_of_token
def unsubscribe_why(request: "HttpRequest", token: str, link: Link) -> HttpResponse:
    """Why do I get this?"""
    found = leaving.relation(link)
    context = {
        "found": found,
        "token": token,
        "latest": leaving.latest_mails(found),
        "often": leaving.how_often(found),
        "consents": found.client.consents.all() if found.client else [],
        "source": found.client.imported_in if found.client and found.client.imported_in_id else None,
    }
    return render(request, "unsubscribe/why.html", context)


@require_safe
@_of_token
def unsubscribe_data(request: "HttpRequest", token: str, link: Link) -> HttpResponse:
    """What the sender holds about this address, as a file: it lists a thousand mails, so not without end."""
    key = f"{link.owner_id}/{key_of(link.email)}"
    if not ratelimit.consume(
        request=request, app="allauth.account", action="recipient_data", key=key, limit_get=True
    ):
        return render(request, "429.html", status=429)
    data = leaving.data_of(leaving.relation(link))
    answer = JsonResponse(data, json_dumps_params={"ensure_ascii": False, "indent": 2})
    answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@_of_token
def unsubscribe_forget(request: "HttpRequest", token: str, link: Link) -> HttpResponse:
    """Make the sender forget everything; only a POST acts."""
    found = leaving.relation(link)
    if request.method == "POST" and found.owner:
        forget(owner=found.owner, email=found.email, by_recipient=True)
        return redirect("unsubscribe", token)
    return render(request, "unsubscribe/forget.html", {"found": found, "token": token})
