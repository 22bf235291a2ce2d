from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailer.audience.membership import remove_client
from mailer.audience.removal import delete_group, is_large
from mailer.audience.rules import BrokenRule, in_words, members_of
from mailer.filters import GroupFilter, MemberFilter
from mailer.forms.group import GroupForm
from mailer.models import BulkAction, Client, ClientGroup
from mailer.tables import GroupTable, MemberTable, RuleMemberTable
from mailer.views.clients import ClientList, rules_lost
from people.models import User
from site_config.ui.http import Request, is_htmx, no_content, targets
from site_config.ui.lists import REGION, TableView
from site_config.ui.panels import CreatePanel, DeletePanel, EditPanel
from site_config.ui.views import ActionView, Text, own_row

Kind = BulkAction.Kind


class GroupList(TableView):
    model = ClientGroup
    table_class = GroupTable
    filterset_class = GroupFilter
    things = "groups"
    columns_url_name = "groups_columns"
    title = _("Groups")
    lead = _("A mailing to a group reaches everyone who is in it when it runs.")
    create_url_name = "group_create"
    create_title = _("New group")
    template_name = "groups/list.html"

    @classmethod
    def rows(cls, user: User) -> QuerySet[ClientGroup]:
        return ClientGroup.objects.visible_to(user).with_size()


class GroupCreate(CreatePanel):
    list_view = GroupList
    form_class = GroupForm
    title = _("New group")
    done_text = _("The group was added.")


class GroupEdit(EditPanel):
    list_view = GroupList
    form_class = GroupForm
    title = _("Edit group")
    done_text = _("The group was saved.")


class GroupDelete(DeletePanel):
    list_view = GroupList
    title = _("Delete group")
    done_text = _("The group was deleted.")

    def remove(self) -> None:
        delete_group(group=self.object)

    def consequences(self) -> list[str]:
        lines = [str(_("Its clients stay; only the group goes.")), *rules_lost(self.object, "group")]
        if is_large(self.object):
            lines.append(
                str(_("It disappears from your pages at once. Deleting this much takes a few more minutes."))
            )
        uses = self.object.mailings.count()
        if uses:
            lines.append(
                ngettext(
                    "%(count)s mailing loses this group of recipients.",
                    "%(count)s mailings lose this group of recipients.",
                    uses,
                )
                % {"count": uses}
            )
        return lines


class GroupDetail(TableView):
    """One group and the clients in it."""

    model = Client
    table_class = MemberTable
    filterset_class = MemberFilter
    things = "clients"
    bulk_url_name = "clients_bulk"
    bulk_actions = Kind.choices
    title = _("Group")
    template_name = "groups/detail.html"

    @classmethod
    def table_options(cls, request: Any) -> dict[str, Any]:
        return ClientList.table_options(request)

    @cached_property
    def group(self) -> ClientGroup:
        group: ClientGroup = own_row(ClientGroup, self.request.user, self.kwargs["pk"])
        group.owner = self.request.user
        return group

    def bulk(self) -> dict[str, Any] | None:
        """Nobody is taken out of a group by rule: its rule decides."""
        kinds = [kind for kind in self.bulk_actions if self.group.rule is None or kind[0] != Kind.LEAVE]
        found = super().bulk()
        return found and {**found, "actions": kinds}

    def bulk_query(self) -> str:
        """The same filter in the list of all clients, by this group."""
        query = self.request.GET.copy()
        query["group"] = str(self.group.pk)
        return query.urlencode()

    def get_queryset(self) -> QuerySet[Client]:
        return members_of(self.group).with_suppression()

    def first_steps(self) -> list[tuple[Text, str]]:
        if self.group.rule is not None:
            return [(_("Edit rule"), reverse("group_rule_edit", args=[self.group.pk]))]
        return [
            (_("Choose from all clients"), reverse("clients")),
            (_("New client"), f"{reverse('client_create')}?group={self.group.pk}"),
        ]

    def get_table_class(self) -> type[MemberTable]:
        return MemberTable if self.group.rule is None else RuleMemberTable

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own: dict[str, Any] = {"group": self.group, "title": self.group.name}
        if self.group.rule is not None and not targets(self.request, REGION):
            try:
                own["rule"], own["any_of"] = in_words(self.group)
            except BrokenRule as error:
                own["broken"] = str(error)
        return {**super().get_context_data(**kwargs), **own}


class GroupRemove(ActionView):
    """Remove one client from a group."""

    back = "group_detail"

    def post(self, request: Request, pk: int, client: int) -> HttpResponse:
        group = own_row(ClientGroup, request.user, pk)
        member = own_row(Client, request.user, client)
        remove_client(group=group, client=member)
        messages.success(request, _("The client left the group."))
        if is_htmx(request):
            return no_content("clients:changed")
        return redirect(reverse("group_detail", args=[pk]))
