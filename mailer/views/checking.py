"""The network part of a check: its page, the button that starts it, and its findings."""

from typing import Any
from urllib.parse import urlencode

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from mailer.checking import background
from mailer.checking.content import check
from mailer.checking.findings import counted
from mailer.checking.mailings import findings_of, keep, kept
from mailer.checking.network import network_findings
from mailer.composing.drafts import Written, saved_of, written_of
from mailer.composing.looking import Look, look
from mailer.forms.picker import as_ids
from mailer.models import Mailing, Message, MessageCheck, SenderDomain
from site_config.ui.http import Request, targets
from site_config.ui.views import OwnersOnly, own_row

REGION, COUNT = "network-check", "check-count"


def network_context(
    message: Message,
    written: Written,
    shown: Look,
    *,
    draft: bool = False,
    bare: bool = False,
    domain: SenderDomain | None = None,
) -> dict[str, Any]:
    """The context for messages/network_check.html. `bare`: without its own form; `domain`: the sender's."""
    addresses = shown.compiled.facts.links if shown.compiled else ()
    kept = MessageCheck.objects.filter(message=message).first()
    asked = {name: "1" for name, is_so in (("draft", draft), ("bare", bare)) if is_so}
    asked |= {"domain": str(domain.pk)} if domain else {}
    found = network_findings(check=kept, message=message, written=written, addresses=addresses, domain=domain)
    return {
        "bare": bare,
        "network_query": f"?{urlencode(asked)}" if asked else "",
        "network_check": kept,
        "network_findings": found,
        "under_way": background.is_under_way(kept),
    }


def before_it_goes_out(mailing: Mailing, *, bare: bool = False) -> dict[str, Any]:
    """What a mailing's next run sends, and what to know about it first."""
    message = mailing.message
    written = saved_of(message)
    shown = look(written=written, owner=mailing.owner, laid_out=message.body)
    return {
        "message": message,
        "preview": shown,
        "findings": findings_of(mailing, shown),
        **network_context(message, written, shown, bare=bare, domain=mailing.from_domain),
    }


class MessageCheckView(OwnersOnly):
    """All findings on their own page; htmx takes those from the network."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        return self.show(own_row(Message, request.user, pk))

    def post(self, request: Request, pk: int) -> HttpResponse:
        message = own_row(Message, request.user, pk)
        if ratelimit.consume(request, action="message_check", user=request.user):
            background.request(message)
        else:
            messages.error(request, _("Too many checks in one hour. Try again later."))
        return self.show(message) if targets(request, REGION) else redirect("message_check", pk)

    def show(self, message: Message) -> HttpResponse:
        asked = self.request.GET
        draft = "draft" in asked or message.is_draft
        written = written_of(message)[0] if draft else saved_of(message)
        shown = look(written=written, owner=message.owner, laid_out="" if draft else message.body)
        domain = SenderDomain.objects.owned_by(self.request.user).filter(pk__in=as_ids([asked.get("domain")]))
        context = network_context(
            message, written, shown, draft=draft, bare="bare" in asked, domain=domain.first()
        )
        context["message"] = message
        if targets(self.request, REGION):
            return render(self.request, "messages/network_check.html", {**context, "alone": True})
        context["findings"] = check(written=written, look=shown, owner=message.owner)
        return render(self.request, "messages/check.html", context)


class MailingCheckView(OwnersOnly):
    """The same for a mailing and its clients; its page takes the count alone, once it is opened."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        mailing = own_row(Mailing, request.user, pk)
        counts = kept(mailing) if targets(request, COUNT) else None
        context = {"mailing": mailing}
        if counts is None:
            context |= before_it_goes_out(mailing)
            counts = counted([*context["findings"], *context["network_findings"]])
            keep(mailing, counts)
        if targets(request, COUNT):
            return render(request, "mailings/check_count.html", {**context, "check_counts": counts})
        return render(request, "mailings/check.html", context)
