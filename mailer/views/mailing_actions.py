"""What an owner does to a mailing with one click."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailer import mailings
from mailer.audience import audience_among, audience_of_mailing
from mailer.composing.rendering import sender_shown
from mailer.models import Attempt, Mailing
from mailer.sending import follow_up
from mailer.sending.opening import CannotRun, latest_id, why_not
from mailer.views.checking import before_it_goes_out
from mailer.views.mailings import MailingList
from mailer.views.reports import ReportList
from site_config.ui.counting import LIMIT
from site_config.ui.http import Request, done, is_htmx, no_content, targets
from site_config.ui.panels import PanelView
from site_config.ui.tables import row_id
from site_config.ui.views import ActionView, Text, own_row


class Switch(ActionView):
    """A switch beside the mailing's status; using it again changes nothing."""

    back = "mailing_detail"
    throw: ClassVar[Callable[[Mailing], bool]]
    undone_by: ClassVar[str]  # the name of the URL that reverses it
    done_text: ClassVar[Text]

    def post(self, request: Request, pk: int) -> HttpResponse:
        mailing = own_row(Mailing, request.user, pk)
        if type(self).throw(mailing):
            done(request, self.done_text, undo=reverse(self.undone_by, args=[pk]))
        else:
            messages.success(request, str(self.done_text))
        return show_changed(request, mailing)


def show_changed(request: Request, mailing: Mailing) -> HttpResponse:
    """The row again if a row asked; otherwise whatever shows the mailing reloads."""
    if targets(request, row_id(mailing)):
        return MailingList.answer_row(request, mailing.pk)
    if is_htmx(request):
        return no_content("mailings:changed")
    return redirect("mailing_detail", mailing.pk)


class MailingPause(Switch):
    throw = mailings.pause
    undone_by = "mailing_resume"
    done_text = _("The mailing is paused: nothing goes out until you resume it.")


class MailingResume(Switch):
    throw = mailings.resume
    undone_by = "mailing_pause"
    done_text = _("The mailing continues.")


class MailingRun(PanelView):
    """Shows what goes out to how many, and runs the mailing outside its schedule."""

    list_view = MailingList
    title = _("Run now")
    body = "mailings/run_body.html"
    wide = True

    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        self.object = self.find()
        return self.ask(latest_id(self.object), problem=why_not(self.object))

    def post(self, request: Request, **kwargs: Any) -> HttpResponse:
        self.object = self.find()
        seen = request.POST.get("after", "")
        try:
            mailings.run(self.object, after=int(seen) if seen.isdecimal() and len(seen) < 19 else None)
        except CannotRun as reason:
            return self.ask(latest_id(self.object), problem=str(reason), status=422)
        return self.changed(str(_("The mailing is on its way.")))

    def ask(self, after: int | None, *, problem: str = "", status: int = 200) -> HttpResponse:
        mailing = self.object
        audience = audience_of_mailing(mailing)
        may_run = bool(audience.mailable) and not why_not(mailing)
        context: dict[str, Any] = {"audience": audience, "may_run": may_run}
        if may_run:
            context["sender"] = sender_shown(mailing.owner, mailing.from_address)
            context |= before_it_goes_out(mailing, bare=True)
        return self.show(after=after, problem=problem, status=status, **context)

    def back_url(self) -> str:
        return str(self.object.get_absolute_url())


class AttemptSendAgain(PanelView):
    """Asks, saying how many were not reached, and sends them what the run sent."""

    list_view = ReportList
    title = _("Send again to those who did not get it")
    body = "reports/send_again_body.html"
    wide = True

    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        self.object = self.find()
        return self.ask(follow_up.why_not(self.object))

    def post(self, request: Request, **kwargs: Any) -> HttpResponse:
        self.object = self.find()
        try:
            self.object = mailings.send_again(self.object)
        except CannotRun as reason:
            return self.ask(str(reason), status=422)
        messages.success(request, str(_("It is on its way to those who did not get it.")))
        return redirect("attempt_detail", self.object.pk)

    def ask(self, problem: str, *, status: int = 200) -> HttpResponse:
        audience = audience_among(follow_up.not_reached(self.object, most=LIMIT + 1))
        sender = sender_shown(self.object.mailing.owner, self.object.from_address)
        return self.show(audience=audience, sender=sender, problem=problem, status=status)

    def back_url(self) -> str:
        return reverse("attempt_detail", args=[self.kwargs["pk"]])


class AttemptTryAgain(ActionView):
    """Release an attempt that wrong settings stopped."""

    back = "attempt_detail"

    def post(self, request: Request, pk: int) -> HttpResponse:
        attempt = own_row(Attempt, request.user, pk)
        if mailings.try_again(attempt):
            messages.success(request, str(_("We are trying again.")))
        if is_htmx(request):
            return no_content("mailings:changed", "reports:changed")
        return redirect("attempt_detail", pk)
