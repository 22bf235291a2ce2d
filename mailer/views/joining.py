"""Sign-up forms as visitors see them: on their own page, or in a frame on another site.

No session, and so no CSRF token: a frame on another site gets none of our cookies.
"""

from typing import TYPE_CHECKING, Any, cast

from allauth.core import ratelimit
from csp.constants import NONE
from csp.decorators import csp_replace
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt

from mailer.audience import proof_of_work
from mailer.audience.subscribing import ask, confirm, find_request, household
from mailer.composing.unsubscribe_links import token_for
from mailer.forms.subscribing import JoinForm
from mailer.models import SubscriptionForm
from people.addresses import key_of
from people.audit import ORIGIN

if TYPE_CHECKING:
    from django.http import HttpRequest


def _open_form(slug: str) -> SubscriptionForm:
    form = SubscriptionForm.objects.select_related("owner").filter(slug=slug).first()
    if form is None or not form.may_be_used:
        raise Http404
    return form


@method_decorator(csrf_exempt, name="dispatch")
class Join(View):
    """The form; everybody gets the same answer, whatever is known about the address."""

    embedded = False

    def get(self, request: "HttpRequest", slug: str) -> HttpResponse:
        row = _open_form(slug)
        return self._page(row, form=JoinForm(form=row))

    def post(self, request: "HttpRequest", slug: str) -> HttpResponse:
        row = _open_form(slug)
        form = JoinForm(request.POST, form=row)
        with translation.override(row.language):
            if not form.is_valid():
                return self._page(row, form=form, status=422)
        if not self._may_ask(row):
            return self._page(row, form=form, too_often=True, status=429)
        asked = form.asked(address=ORIGIN.get())
        may_mail = bool(ratelimit.consume(request, action="join_address", key=key_of(asked.email)))
        ask(form=row, asked=asked, may_mail=may_mail)
        return redirect("join_embed_sent" if self.embedded else "join_sent", slug)

    def _may_ask(self, row: SubscriptionForm) -> bool:
        """Browsers without JavaScript, which cannot solve the puzzle, are let through now and then."""
        data = self.request.POST
        worked = proof_of_work.solved(
            slug=row.slug, challenge=data.get("challenge", ""), nonce=data.get("nonce", "")
        )
        kind = "join" if worked else "join_unproved"
        return bool(
            ratelimit.consume(self.request, action=kind, key=household(ORIGIN.get()))
            and ratelimit.consume(self.request, action=f"{kind}_form", key=row.slug)
        )

    def _page(self, row: SubscriptionForm, *, status: int = 200, **context: Any) -> HttpResponse:
        context |= {
            "row": row,
            "embedded": self.embedded,
            "challenge": proof_of_work.challenge(row.slug),
            "bits": proof_of_work.BITS,
        }
        with translation.override(row.language):
            response = render(self.request, "join/form.html", context, status=status)
        response["Cache-Control"] = "no-store"  # the puzzle in it is good for an hour, and once
        return _framed(self.request, response, row) if self.embedded else response


class JoinSent(View):
    """The next step: check your email."""

    embedded = False

    def get(self, request: "HttpRequest", slug: str) -> HttpResponse:
        row = _open_form(slug)
        with translation.override(row.language):
            response = render(request, "join/sent.html", {"row": row, "embedded": self.embedded})
        return _framed(self.request, response, row) if self.embedded else response


def _framed(request: "HttpRequest", response: HttpResponse, row: SubscriptionForm) -> HttpResponse:
    """Let only the sites that the form's owner names show this response in a frame."""
    policy = csp_replace({"frame-ancestors": row.sites.split() or [NONE]})
    allowed = policy(xframe_options_exempt(lambda _request: response))
    return cast("HttpResponse", allowed(request))


@method_decorator(csrf_exempt, name="dispatch")
class JoinConfirm(View):
    """By the link in the mail: a POST confirms, a GET only shows the button, as scanners follow links."""

    def get(self, request: "HttpRequest", key: str) -> HttpResponse:
        found = find_request(key)
        if found is None or not found.form.may_be_used:
            return render(request, "join/too_late.html", status=404)
        with translation.override(found.form.language):
            return render(request, "join/confirm.html", {"found": found, "token": _way_out(found)})

    def post(self, request: "HttpRequest", key: str) -> HttpResponse:
        if confirm(key) is None:
            return render(request, "join/too_late.html", status=404)
        return redirect("join_confirm", key)


def _way_out(found: Any) -> str:
    return token_for(owner_id=found.form.owner_id, email=found.email) if found.confirmed_at else ""
