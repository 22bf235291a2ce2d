from typing import Any

from allauth.core import ratelimit
from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth import logout
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.i18n import set_language as django_set_language

from people.accounts import LastSuperuser, consequences, delete_account
from people.forms.profile import DeleteAccountForm, ProfileForm
from people.models import User
from site_config.ui.http import Request
from site_config.ui.views import SignedIn


class Profile(SignedIn):
    """Name, company, time zone, language and picture."""

    def get(self, request: Request) -> HttpResponse:
        user = request.user
        initial = {"language": user.language or translation.get_language()}
        return self.show(ProfileForm(instance=user, initial=initial))

    def post(self, request: Request) -> HttpResponse:
        user = User.objects.get(pk=request.user.pk)  # an invalid form must not change what the page shows
        if request.FILES and not ratelimit.consume(request, action="picture", user=request.user):
            form = ProfileForm(request.POST, instance=user)
            form.add_error("avatar", _("Too many pictures in one hour. Try again later."))
            return self.show(form, status=422)
        form = ProfileForm(request.POST, request.FILES, instance=user)
        if not form.is_valid():
            return self.show(form, status=422)
        form.save()
        with translation.override(user.language):
            messages.success(request, _("Your profile was saved."))
        return redirect("account_profile")

    def show(self, form: ProfileForm, status: int = 200) -> HttpResponse:
        return render(self.request, "people/profile.html", {"form": form}, status=status)


class SessionAlive(SignedIn):
    """Asked before a page sends what was typed, so that nobody who was logged out loses it."""

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(status=204)


class Avatar(SignedIn):
    """A user's picture, for those who may see the user."""

    def get(self, request: Request, pk: int) -> FileResponse:
        user = get_object_or_404(User.objects.visible_to(request.user), pk=pk)
        if not user.avatar:
            raise Http404
        try:
            return FileResponse(user.avatar.open("rb"), content_type="image/webp")
        except FileNotFoundError as error:
            raise Http404 from error


class DeleteAccount(SignedIn):
    def get(self, request: Request) -> HttpResponse:
        return self.show(DeleteAccountForm(user=request.user))

    @method_decorator(rate_limit(action="reauthenticate"))
    def post(self, request: Request) -> HttpResponse:
        user = request.user
        form = DeleteAccountForm(request.POST, user=user)
        if not form.is_valid():
            return self.show(form, status=422)
        try:
            delete_account(user=User.objects.get(pk=user.pk), by=user)
        except LastSuperuser:
            form.add_error(None, _("You are the last superuser. Make another one first."))
            return self.show(form, status=422)
        logout(request)
        messages.success(request, _("Your account and everything in it have been deleted."))
        return redirect("account_login")

    def show(self, form: DeleteAccountForm, status: int = 200) -> HttpResponse:
        context: dict[str, Any] = {"form": form, "consequences": consequences(self.request.user)}
        return render(self.request, "people/delete_account.html", context, status=status)


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Switch the page's language, and for a signed-in user that of their emails too."""
    response: HttpResponse = django_set_language(request)
    language = request.POST.get("language", "")
    if request.user.is_authenticated and translation.check_for_language(language):
        User.objects.filter(pk=request.user.pk).update(language=language[:10])
    return response
