"""An owner's sign-up forms."""

from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from mailer.audience.subscribing import save_form
from mailer.filters import SubscriptionFormFilter
from mailer.forms.subscribing import SubscriptionFormForm
from mailer.models import Consent, SubscriptionForm
from mailer.tables import SubscriptionFormTable
from people.models import User
from site_config.ui.http import Request
from site_config.ui.lists import TableView
from site_config.ui.panels import CreatePanel, DeletePanel, EditPanel
from site_config.ui.views import SignedIn, own_row


class SubscriptionFormList(TableView):
    model = SubscriptionForm
    table_class = SubscriptionFormTable
    filterset_class = SubscriptionFormFilter
    things = "subscription_forms"
    title = _("Sign-up forms")
    lead = _("People put themselves on your lists, and confirm it by a link in a mail.")
    create_url_name = "subscription_form_create"
    create_title = _("New form")
    template_name = "attributes/list.html"

    @classmethod
    def rows(cls, user: User) -> QuerySet[Any]:
        return SubscriptionForm.objects.visible_to(user)


class SubscriptionFormCreate(CreatePanel):
    list_view = SubscriptionFormList
    form_class = SubscriptionFormForm
    title = _("New sign-up form")
    done_text = _("The form was added.")
    wide = True

    def initial(self) -> dict[str, Any]:
        return {**super().initial(), "language": self.request.user.language or get_language()}

    def store(self, form: Any) -> SubscriptionForm:
        return _store(form)


class SubscriptionFormEdit(EditPanel):
    list_view = SubscriptionFormList
    form_class = SubscriptionFormForm
    title = _("Edit sign-up form")
    done_text = _("The form was saved.")
    wide = True

    def store(self, form: Any) -> SubscriptionForm:
        return _store(form)


def _store(form: Any) -> SubscriptionForm:
    row = save_form(form.save(commit=False))
    form.save_m2m()
    return row


class SubscriptionFormDelete(DeletePanel):
    list_view = SubscriptionFormList
    title = _("Delete sign-up form")
    done_text = _("The form was deleted.")

    def consequences(self) -> list[str]:
        return [
            str(_("Everyone who signed up with it stays, with the consent they gave.")),
            str(_("Anyone who has not confirmed yet can no longer do so.")),
        ]


class SubscriptionFormDetail(SignedIn):
    """A form's address, the lines to embed it, and what came of it."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        form: SubscriptionForm = own_row(SubscriptionForm, request.user, pk)
        consents = Consent.objects.filter(form=form, kind=Consent.Kind.DATA)
        waiting = form.requests.filter(confirmed_at=None)
        context = {
            "form_row": form,
            "title": form.name,
            "url": f"{settings.SITE_URL}{reverse('join', args=[form.slug])}",
            "embed_url": f"{settings.SITE_URL}{reverse('join_embed', args=[form.slug])}",
            "sites": form.sites.split(),
            "confirmed": consents.aggregate(number=Count("client", distinct=True))["number"],
            "waiting": waiting.count(),
            "groups": form.groups.order_by("name"),
            "topics": form.topics.topics(),
        }
        return render(request, "subscription_forms/detail.html", context)
