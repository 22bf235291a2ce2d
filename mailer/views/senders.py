"""Whom one's mail is from: the service's own address, or one's verified domains and addresses."""

from typing import Any

from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from mailer.checking.network import sender_findings
from mailer.composing.rendering import sender_shown
from mailer.forms.senders import DomainForm, ReplyAddressForm
from mailer.models import ReplyAddress, SenderDomain
from mailer.models.sender import DomainState
from mailer.senders import domains, replies
from site_config.ui.http import Request, targets
from site_config.ui.views import ActionView, OwnersOnly, own_row

TONES = {DomainState.PENDING: "warn", DomainState.PROVED: "ok", DomainState.LOST: "bad"}
TOO_OFTEN = gettext_lazy("Too often. Try again later.")


class Senders(OwnersOnly):
    def get(self, request: Request) -> HttpResponse:
        return self.page()

    def post(self, request: Request) -> HttpResponse:
        """Add a domain, or an address for replies: `add` says which."""
        if request.POST.get("add") == "address":
            return self.add_address()
        form = DomainForm(request.POST, owner=request.user)
        if not self.allowed(form, "sender_domain"):
            return self.page(domain_form=form, status=422)
        row = saved(form)
        if row is None:
            return redirect("senders")
        domains.request(row)
        messages.success(request, _("Now publish its record. We will look for it for a week."))
        return redirect("senders")

    def add_address(self) -> HttpResponse:
        form = ReplyAddressForm(self.request.POST, owner=self.request.user)
        if not self.allowed(form, "reply_address"):
            return self.page(address_form=form, status=422)
        if row := saved(form):
            ask(self.request, row)
        return redirect("senders")

    def allowed(self, form: forms.BaseForm, action: str) -> bool:
        if form.is_valid() and not ratelimit.consume(self.request, action=action, user=self.request.user):
            form.add_error(None, str(TOO_OFTEN))
        return form.is_valid()

    def page(self, status: int = 200, **context: Any) -> HttpResponse:
        user = self.request.user
        context = {
            "service_sender": sender_shown(user),
            "domains": [shown(row) for row in SenderDomain.objects.owned_by(user)],
            "addresses": ReplyAddress.objects.owned_by(user),
            "domain_form": DomainForm(owner=user),
            "address_form": ReplyAddressForm(owner=user),
            **context,
        }
        return render(self.request, "senders/list.html", context, status=status)


def saved(form: DomainForm | ReplyAddressForm) -> Any:
    """The new row; None if the same form was sent twice at once."""
    try:
        with transaction.atomic():
            return form.save()
    except IntegrityError:
        return None


def shown(row: SenderDomain) -> dict[str, Any]:
    """What senders/domain.html needs."""
    findings = sender_findings(row.observations) if row.is_proved else []
    tone = TONES[DomainState(row.state)]
    return {"row": row, "tone": tone, "under_way": domains.is_under_way(row), "findings": findings}


def ask(request: Request, row: ReplyAddress) -> None:
    """Have an address confirmed, and say what happens next; whoever asks, it is mailed a few times a day."""
    key = f"reply:{row.address_key}"
    if not replies.is_own(row) and not ratelimit.consume(request, action="account_email", key=key):
        messages.error(request, str(TOO_OFTEN))
        return
    replies.ask(row)
    row.refresh_from_db()
    if row.confirmed_at:
        messages.success(request, _("Replies can go to this address: it is the one you log in with."))
    else:
        messages.success(request, _("A link was mailed to %(email)s.") % {"email": row.email})


class SenderDomainAction(ActionView):
    """Look up a domain's record now, or delete the domain."""

    def back_url(self) -> str:
        return reverse("senders")

    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        if not targets(request, f"domain-{kwargs['pk']}"):
            return super().get(request, **kwargs)
        return self.row(own_row(SenderDomain, request.user, kwargs["pk"]))

    def post(self, request: Request, pk: int) -> HttpResponse:
        row = own_row(SenderDomain, request.user, pk)
        if request.POST.get("do") == "delete":
            row.delete()
            messages.success(request, _("The domain was deleted."))
            return redirect("senders")
        if ratelimit.consume(request, action="sender_domain", user=request.user):
            domains.request(row)
        else:
            messages.error(request, str(TOO_OFTEN))
        row.refresh_from_db()
        return self.row(row) if targets(request, f"domain-{pk}") else redirect("senders")

    def row(self, row: SenderDomain) -> HttpResponse:
        return render(self.request, "senders/domain.html", {"one": shown(row)})


class ReplyAddressAction(ActionView):
    """Send the link again, or delete the address."""

    def back_url(self) -> str:
        return reverse("senders")

    def post(self, request: Request, pk: int) -> HttpResponse:
        row = own_row(ReplyAddress, request.user, pk)
        if request.POST.get("do") == "delete":
            row.delete()
            messages.success(request, _("The address was deleted."))
        elif ratelimit.consume(request, action="reply_address", user=request.user):
            ask(request, row)
        else:
            messages.error(request, str(TOO_OFTEN))
        return redirect("senders")


class ReplyConfirm(View):
    """Where the mailed link leads: a page with a button, because programs open links by themselves."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        row = replies.asked(token)
        return render(request, "senders/confirm.html", {"row": row, "token": token})

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        row = replies.asked(token)
        if row is None:
            return render(request, "senders/confirm.html", {"row": None}, status=404)
        replies.confirm(row)
        return render(request, "senders/confirm.html", {"row": row, "done": True})
