"""Who may use a view, and whose rows it finds; what all views of this package stand on."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.views import View

from site_config.ui.http import Request, is_htmx, sent_from

if TYPE_CHECKING:
    from people.models import User

Text = str | Promise


def own_row(model: type[models.Model], user: "User", pk: int, *, lock: bool = False) -> Any:
    """The user's own row; another's is no row at all, or a refusal for who may look at those of all."""
    manager: Any = model._default_manager
    rows = manager.owned_by(user)
    row = (rows.select_for_update() if lock else rows).filter(pk=pk).first()
    if row is not None:
        return row
    if user.oversees and manager.filter(pk=pk).exists():
        raise PermissionDenied
    raise Http404


class SignedIn(LoginRequiredMixin, View):
    """Only for a user who is signed in; a fragment's request leads back to the page it was sent from."""

    request: Request

    def handle_no_permission(self) -> HttpResponseRedirect:
        if is_htmx(self.request):
            return redirect_to_login(sent_from(self.request) or reverse("home"))
        return super().handle_no_permission()


class OwnersOnly(SignedIn):
    """Not for who only watches over the mailings of others."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and request.user.only_watches:
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)


class ActionView(SignedIn):
    """A button: it acts when it is pressed, and log-in leads back to the page it stands on."""

    back: ClassVar[str]  # the name of that page's URL, which has the same arguments or fewer

    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        return redirect(self.back_url())

    def back_url(self) -> str:
        return reverse(self.back, args=[self.kwargs["pk"]] if "pk" in self.kwargs else [])
