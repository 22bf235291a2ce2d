"""Groups by rule: their conditions, whom they find, and saving them."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailer.audience.rules.saving import save_group
from mailer.filters import ClientFilter
from mailer.forms.rule import LOOK, RuleForm
from mailer.models import Client, ClientGroup
from mailer.views.groups import GroupList
from site_config.ui.counting import count
from site_config.ui.http import Request, targets
from site_config.ui.panels import CreatePanel, EditPanel, PanelFormView

FIRST = 5  # clients shown beside the conditions


class RulePanel(PanelFormView):
    """A rule's form; looking at whom it finds changes nothing."""

    list_view = GroupList
    form_class = RuleForm
    body = "groups/rule_body.html"
    wide = True

    def show(self, *, status: int = 200, **context: Any) -> HttpResponse:
        form: RuleForm = context["form"]
        found = form.found()
        looked = {
            "number": None if found is None else count(found),
            "first": [] if found is None else list(found.order_by("full_name", "email", "pk")[:FIRST]),
        }
        if targets(self.request, "rule"):
            return render(self.request, "groups/rule_body.html#rule", {"form": form, **looked})
        return super().show(status=status, **looked, **context)

    def look(self) -> HttpResponse:
        form = self.make_form(self.request.POST)
        form.errors.clear()
        return self.show(form=form)

    def store(self, form: RuleForm) -> ClientGroup:
        return save_group(group=form.save(commit=False), rule=form.rule)


class GroupRuleCreate(RulePanel, CreatePanel):
    """A new group by rule, from the client list's filter if the URL has one."""

    title = _("New group by rule")
    done_text = _("The group was added.")

    def initial(self) -> dict[str, Any]:
        rows = Client.objects.owned_by(self.request.user)
        chosen = ClientFilter(self.request.GET, queryset=rows, request=self.request)
        conditions = chosen.form.rule.dump() if self.request.GET and chosen.form.is_valid() else []
        return {**super().initial(), "rule": conditions}

    def success_url(self) -> str:
        return reverse("group_detail", args=[self.object.pk])

    def post(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self.look() if LOOK in request.POST else super().post(request, **kwargs)


class GroupRuleEdit(RulePanel, EditPanel):
    """The rule of a group by rule."""

    title = _("Edit rule")
    done_text = _("The rule was saved.")

    def find(self, *, lock: bool = False) -> Any:
        group = super().find(lock=lock)
        if group.rule is None:
            raise Http404
        return group

    def back_url(self) -> str:
        return reverse("group_detail", args=[self.kwargs["pk"]])

    def post(self, request: Request, **kwargs: Any) -> HttpResponse:
        if LOOK in request.POST:
            self.object = self.find()
            return self.look()
        return super().post(request, **kwargs)
