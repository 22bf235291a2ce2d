"""What a manager does to others' mailings."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer import oversight
from mailer.models import Mailing
from mailer.views.mailing_actions import show_changed
from mailer.views.mailings import MailingList
from people.forms.users import ReasonForm
from site_config.ui.http import Request, done, no_content, sent_from
from site_config.ui.panels import PanelView
from site_config.ui.views import ActionView, Text


class Oversight(PanelView):
    """Only for those who may disable mailings; those who may not even see one find nothing."""

    list_view = MailingList

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated:
            self.object = self.find()
            if not request.user.has_perm("mailer.disable_mailing"):
                raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def find(self, *, lock: bool = False) -> Mailing:
        rows = Mailing.objects.visible_to(self.request.user).select_related("message", "owner")
        mailing = rows.filter(pk=self.kwargs["pk"]).first()
        if mailing is None:
            raise Http404
        return mailing

    def back_url(self) -> str:
        return str(self.object.get_absolute_url())


class WithReason(Oversight):
    """Asks for the reason, does it, and shows what changed."""

    body = "includes/form_body.html"
    question: ClassVar[Text]
    undone_by = ""  # the name of the URL that reverses it

    def get(self, request: Request, pk: int) -> HttpResponse:
        return self.ask(ReasonForm())

    def post(self, request: Request, pk: int) -> HttpResponse:
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self.ask(form, status=422)
        text = self.act(form.cleaned_data["reason"]) % {"mailing": self.object}
        done(request, text, undo=reverse(self.undone_by, args=[pk]) if self.undone_by else "")
        return self.changed_below() if self.in_dialog else redirect(self.back_url())

    def act(self, reason: str) -> str:
        """Do it; return what is said about it, with the mailing's place in it."""
        raise NotImplementedError

    def changed_below(self) -> HttpResponse:
        """The page under the dialog: the mailing's own page reloads itself, a list gets the row again.

        A manager's report does neither; the mailing's page shows how the run goes on.
        """
        page = sent_from(self.request)
        if page.startswith(self.back_url()):
            return no_content("mailings:changed", "dialog:close")
        if page.startswith(reverse("reports")):
            return redirect(self.back_url())
        return MailingList.answer_row(self.request, self.object.pk)

    def ask(self, form: ReasonForm, status: int = 200) -> HttpResponse:
        title = str(self.question) % {"mailing": self.object}
        return self.show(form=form, title=title, submit=self.title, status=status)


class MailingDisable(WithReason):
    title = _("Disable")
    question = _("Disable “%(mailing)s”?")
    undone_by = "mailing_enable"

    def act(self, reason: str) -> str:
        oversight.disable(mailing=self.object, by=self.request.user, reason=reason)
        return gettext("“%(mailing)s” is disabled.")


class MailingRelease(WithReason):
    title = _("Release")
    question = _("Release “%(mailing)s” from hold?")

    def act(self, reason: str) -> str:
        if oversight.release(mailing=self.object, by=self.request.user, reason=reason):
            return gettext("“%(mailing)s” goes on.")
        return gettext("“%(mailing)s” is not on hold any more.")


class MailingEnable(Oversight, ActionView):
    back = "mailing_detail"

    def post(self, request: Request, pk: int) -> HttpResponse:
        oversight.enable(mailing=self.object, by=request.user)
        done(request, gettext("“%(mailing)s” is enabled.") % {"mailing": self.object})
        return show_changed(request, self.object)
