"""What a manager does to others' mailings."""

from typing import Any

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
from site_config.ui.views import ActionView


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


class MailingDisable(Oversight):
    title = _("Disable mailing")
    body = "includes/form_body.html"

    def get(self, request: Request, pk: int) -> HttpResponse:
        return self.ask(ReasonForm())

    def post(self, request: Request, pk: int) -> HttpResponse:
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self.ask(form, status=422)
        oversight.disable(mailing=self.object, by=request.user, reason=form.cleaned_data["reason"])
        text = gettext("“%(mailing)s” is disabled.") % {"mailing": self.object}
        done(request, text, undo=reverse("mailing_enable", args=[pk]))
        return self.changed_below() if self.in_dialog else redirect(self.back_url())

    def changed_below(self) -> HttpResponse:
        """The page under the dialog: the mailing's own page reloads itself, a list gets the row again."""
        if sent_from(self.request).startswith(self.back_url()):
            return no_content("mailings:changed", "dialog:close")
        return MailingList.answer_row(self.request, self.object.pk)

    def ask(self, form: ReasonForm, status: int = 200) -> HttpResponse:
        title = gettext("Disable “%(mailing)s”?") % {"mailing": self.object}
        return self.show(form=form, title=title, submit=_("Disable"), status=status)


class MailingEnable(Oversight, ActionView):
    back = "mailing_detail"

    def post(self, request: Request, pk: int) -> HttpResponse:
        oversight.enable(mailing=self.object, by=request.user)
        done(request, gettext("“%(mailing)s” is enabled.") % {"mailing": self.object})
        return show_changed(request, self.object)
