"""One recipient of one run: what became of the mail, and the mail itself, rebuilt."""

import email.policy
from email.message import EmailMessage
from functools import cached_property

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from liquid.exceptions import LiquidError

from mailer.models import Attempt, Delivery
from mailer.reporting.answers import meaning_of
from mailer.reporting.receipt import mail_again
from mailer.transport import CannotWrite
from mailer.transport.answers import is_refusal
from mailer.views.mail_frame import mail_frame
from site_config.ui.http import Request
from site_config.ui.views import SignedIn, own_row


class OneDelivery(SignedIn):
    """Only for the owner: it shows whom a mail went to."""

    @cached_property
    def delivery(self) -> Delivery:
        attempt: Attempt = own_row(Attempt, self.request.user, self.kwargs["pk"])
        delivery = attempt.deliveries.filter(pk=self.kwargs["delivery"]).first()
        if delivery is None:
            raise Http404
        delivery.attempt = attempt
        return delivery

    @cached_property
    def mail(self) -> bytes:
        """The rebuilt mail; None if that is impossible."""
        try:
            return mail_again(self.delivery)
        except (LiquidError, ValueError, CannotWrite):
            return b""

    @cached_property
    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.mail, policy=email.policy.default)


class Receipt(OneDelivery):
    def get(self, request: Request, pk: int, delivery: int) -> HttpResponse:
        found = self.delivery
        meaning, remedy = meaning_of(found.response) if is_refusal(found.response) else ("", "")
        text = self.parsed.get_body(("plain",)) if self.mail else None
        return render(
            request,
            "reports/receipt.html",
            {
                "delivery": found,
                "attempt": found.attempt,
                "meaning": meaning,
                "remedy": remedy,
                "mail": bool(self.mail),
                "headers": [(name, str(value)) for name, value in self.parsed.items()],
                "text": text.get_content() if text else "",
                "title": _("Receipt"),
            },
        )


@mail_frame
class ReceiptHtml(OneDelivery):
    """Only the HTML part, for a sandboxed frame."""

    def get(self, request: Request, pk: int, delivery: int) -> HttpResponse:
        part = self.parsed.get_body(("html",))
        return HttpResponse(str(part.get_content()) if part else "")


class ReceiptMail(OneDelivery):
    """The mail as a file that any mail program opens."""

    def get(self, request: Request, pk: int, delivery: int) -> HttpResponse:
        if not self.mail:
            raise Http404
        response = HttpResponse(self.mail, content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="mail-{self.delivery.pk}.eml"'
        return response
