"""Many clients at once: the question, the change, its progress, and its undo."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailer.audience import bulk
from mailer.filters import ClientFilter
from mailer.forms.bulk import BulkForm
from mailer.models import BulkAction, Client
from mailer.views.clients import ClientList
from site_config.ui.bulk import BulkPanel
from site_config.ui.counting import count
from site_config.ui.http import targets
from site_config.ui.views import ActionView, SignedIn, own_row

if TYPE_CHECKING:
    from site_config.ui.http import Request

Kind = BulkAction.Kind


class ClientsBulk(BulkPanel):
    """The ticked clients, or all that the list's filter finds."""

    list_view = ClientList
    title = _("Many clients")
    body = "bulk/body.html"
    explanations: ClassVar[dict[str, Any]] = {
        Kind.JOIN: _("Clients who are in the group already stay in it."),
        Kind.LEAVE: _("They remain your clients."),
        Kind.STOP: _("None of your mailings will be sent to them any more."),
        Kind.DELETE: _("They leave their groups and mailings. Reports keep the addresses. There is no undo."),
    }

    def back_url(self) -> str:
        return f"{reverse('clients')}?{self.request.GET.urlencode()}"

    def get(self, request: "Request") -> HttpResponse:
        return redirect(self.back_url())  # where log-in returns to

    def post(self, request: "Request") -> HttpResponse:
        kind = request.POST.get("kind", "")
        if kind not in Kind.values:
            raise Http404
        clients = self.chosen()
        confirmed = "confirmed" in request.POST
        form = BulkForm(request.POST if confirmed else None, owner=request.user, kind=kind)
        if not confirmed or not form.is_valid() or not clients.exists():
            return self.ask(form, kind, status=422 if confirmed else 200)
        action = bulk.begin(
            owner=request.user,
            kind=kind,
            clients=clients,
            rule=self.rule(),
            group=form.cleaned_data.get("group"),
        )
        if action.is_alive:
            return redirect("bulk_detail", action.pk)
        return self.changed(summary_of(action))

    def rule(self) -> list[dict[str, str]] | None:
        """The filter as conditions, if all that match are chosen."""
        if not self.everybody:
            return None
        form = ClientFilter(self.request.GET, queryset=Client.objects.none(), request=self.request).form
        return form.rule.dump() if form.is_valid() else None

    def ask(self, form: BulkForm, kind: str, status: int = 200) -> HttpResponse:
        return self.show(
            status=status,
            form=form,
            kind=kind,
            title=Kind(kind).label,
            number=count(self.chosen()),
            choice=self.sent_choice,
            explanation=self.explanations[kind],
        )


def summary_of(action: BulkAction) -> str:
    """What a change did, in a sentence."""
    text = ngettext(
        "%(action)s: %(count)s client changed.", "%(action)s: %(count)s clients changed.", action.changed
    )
    return text % {"action": action, "count": action.changed}


class BulkDetail(SignedIn):
    def get(self, request: "Request", pk: int) -> HttpResponse:
        action = own_row(BulkAction, request.user, pk)
        template = "bulk/state.html" if targets(request, "bulk-state") else "bulk/detail.html"
        return render(request, template, {"action": action})


class BulkStop(ActionView):
    back = "bulk_detail"

    def post(self, request: "Request", pk: int) -> HttpResponse:
        if bulk.stop(action=own_row(BulkAction, request.user, pk)):
            messages.success(request, _("Stopped. What was done stays, and can be undone."))
        return redirect("bulk_detail", pk)


class BulkUndo(ActionView):
    back = "bulk_detail"

    def post(self, request: "Request", pk: int) -> HttpResponse:
        if not bulk.undo(action=own_row(BulkAction, request.user, pk)):
            messages.warning(request, _("This cannot be undone, or already was."))
        return redirect("bulk_detail", pk)
