from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from people.forms.notices import NoticesForm
from people.notifying import read_all
from site_config.ui.http import Request
from site_config.ui.views import SignedIn


class Notifications(SignedIn):
    """What happened lately to what the user owns."""

    def get(self, request: Request) -> HttpResponse:
        unread = request.user.unread
        notices = read_all(request.user)
        request.user.unread = 0
        return render(request, "people/notifications.html", {"notices": notices, "new": notices[:unread]})


class NoticeSettings(SignedIn):
    """What to be notified of, and how."""

    def get(self, request: Request) -> HttpResponse:
        return self.show(NoticesForm(user=request.user))

    def post(self, request: Request) -> HttpResponse:
        form = NoticesForm(request.POST, user=request.user)
        if not form.is_valid():
            return self.show(form, status=422)
        form.save()
        messages.success(request, _("Saved. You will be notified of what you chose."))
        return redirect("account_notices")

    def show(self, form: NoticesForm, status: int = 200) -> HttpResponse:
        return render(self.request, "people/notices.html", {"form": form}, status=status)
