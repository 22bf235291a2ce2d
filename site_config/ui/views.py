"""Lists and forms over rows that have an owner; the same addresses with and without JavaScript.

A list view says where its rows come from; the views that create, edit and delete refer to it.
"""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext as _
from django.views import View
from django_filters.views import FilterView
from django_tables2 import SingleTableMixin

from site_config.ui.forms import ModelForm
from site_config.ui.http import Request, is_htmx, no_content, retarget, sent_from, targets, trigger
from site_config.ui.keyset import KeyPage, key_page
from site_config.ui.tables import PER_PAGE, Pages, StableData, digest

if TYPE_CHECKING:
    from people.models import User

REGION = "table-region"
POLL = "table-poll"
SEEN = "X-Seen"  # what the page that looks again shows: see RowTable.marks
DIALOG = "dialog-body"
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


class TableView(SignedIn, SingleTableMixin, FilterView):
    """A table of the rows a user may see, with filter, sort and pages."""

    things: ClassVar[str]  # the name of this list's URL, and of the event "<things>:changed"
    title: ClassVar[Text]
    lead: ClassVar[Text] = ""
    create_url_name: ClassVar[str] = ""
    create_title: ClassVar[Text] = ""
    create_in_dialog: ClassVar[bool] = True
    bulk_url_name: ClassVar[str] = ""  # what asks about actions on many rows: site_config.ui.bulk
    bulk_actions: ClassVar[Iterable[tuple[str, Any]]] = ()
    above_table: ClassVar[str] = ""  # a template that is reloaded together with the table

    template_name = "includes/list.html"
    table_pagination: ClassVar[dict[str, Any]] = {"per_page": PER_PAGE, "paginator_class": Pages}
    strict = False
    by_key: ClassVar[bool] = False  # pages by the keys of rows, and to the very end: for lists of millions
    key_page: KeyPage

    @classmethod
    def rows(cls, user: "User") -> QuerySet[Any]:
        """The rows of this list, with all that its columns show."""
        rows: QuerySet[Any] = cls.model._default_manager.visible_to(user)
        return rows

    @classmethod
    def row_table(cls, row: models.Model, request: HttpRequest) -> Any:
        return cls.table_class([row], request=request, **cls.table_options(request))

    @classmethod
    def table_options(cls, request: HttpRequest) -> dict[str, Any]:
        """What the table is made with beside its rows."""
        return {}

    @classmethod
    def answer_row(cls, request: Request, pk: Any) -> HttpResponse:
        """One row as it is now, put in its place on the page; a dialog that asked for the change closes."""
        row = cls.rows(request.user).get(pk=pk)
        [shown] = cls.row_table(row, request).shown_rows
        response = render(request, "includes/table.html#row", {"row": shown})
        return trigger(retarget(response, f"#{shown.id}"), "dialog:close")

    def get_queryset(self) -> QuerySet[Any]:
        return self.rows(self.request.user)

    def get_table_data(self) -> StableData:
        if not self.by_key:
            return StableData(self.object_list)
        self.key_page = key_page(
            self.object_list, asked=self.request.GET, size=PER_PAGE, constant=self.constant_column()
        )
        return StableData(self.model._default_manager.filter(pk__in=self.key_page.ids))

    def get_table_pagination(self, table: Any) -> Any:
        return False if self.by_key else super().get_table_pagination(table)

    def constant_column(self) -> str:
        """See key_page."""
        return ""

    def found(self) -> int | None:
        """How many rows a list by keys has in all, where that is known without counting them."""
        return None

    def get_table_kwargs(self) -> dict[str, Any]:
        return {**super().get_table_kwargs(), **self.table_options(self.request)}

    def get_template_names(self) -> list[str]:
        return ["includes/table_region.html" if targets(self.request, REGION) else self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own: dict[str, Any] = {
            "title": self.title,
            "lead": self.lead,
            "create_url": SimpleLazyObject(self.create_url),  # the table alone does not show it
            "create_title": self.create_title,
            "create_in_dialog": self.create_in_dialog,
            "above_table": self.above_table,
            "changed_event": f"{self.things}:changed",
        }
        context: dict[str, Any] = super().get_context_data(**{**own, **kwargs})
        context["poll"] = self.poll_seconds(context)
        if self.above_table:
            context["above"] = render_to_string(self.above_table, context, request=self.request)
        context["bulk"] = self.bulk()
        context["above_mark"] = digest(context.get("above", ""))
        context["table"].empty_action = SimpleLazyObject(self.empty_action)
        if self.by_key:
            context["table"].key_page, context["table"].found = self.key_page, self.found()
        return context

    def bulk(self) -> dict[str, Any] | None:
        """The actions on many rows, and the address that asks about them; it has the filter in it."""
        if not self.bulk_url_name:
            return None
        url = f"{reverse(self.bulk_url_name)}?{self.bulk_query()}"
        return {"url": url, "actions": self.bulk_actions}

    def bulk_query(self) -> str:
        return self.request.GET.urlencode()

    def empty_action(self) -> tuple[Text, str] | None:
        """What to do about an empty list: clear the filter, or make the first row."""
        if self.request.GET:
            return _("Clear the filter"), self.request.path
        return (self.create_title, self.create_url()) if self.may_create() else None

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if targets(self.request, POLL):
            return self.changes(context)
        response: HttpResponse = super().render_to_response(context, **kwargs)
        return response

    def changes(self, context: dict[str, Any]) -> HttpResponse:
        """What is new since the page was made: nothing, some cells, or all if rows came, went or moved."""
        above, _sep, marks = self.request.headers.get(SEEN, "").partition(";")
        seen = dict(mark.split(":", 1) for mark in marks.split(",") if ":" in mark)
        rows = context["table"].shown_rows
        if list(seen) != [str(row.pk) for row in rows]:
            return retarget(render(self.request, "includes/table_region.html", context), f"#{REGION}")
        changed = [row for row in rows if seen[str(row.pk)] != row.mark]
        if not changed and above == context["above_mark"]:
            return no_content()
        context |= {"changed": changed, "above_changed": above != context["above_mark"]}
        return render(self.request, "includes/table_changes.html", context)

    def create_url(self) -> str:
        return reverse(self.create_url_name) if self.may_create() else ""

    def may_create(self) -> bool:
        return bool(self.create_url_name) and not self.request.user.only_watches

    def poll_seconds(self, context: dict[str, Any]) -> int:
        """How often a page of this list looks again by itself; 0 for never."""
        return 0


class PanelView(SignedIn):
    """What a form and a confirm page have in common: in the dialog, or on a page of their own."""

    list_view: ClassVar[type[TableView]]
    title: ClassVar[Text]
    page_template: ClassVar[str] = "includes/panel_page.html"
    dialog_template: ClassVar[str] = "includes/panel_dialog.html"
    body: ClassVar[str]  # the template inside the form of both
    wide: ClassVar[bool] = False
    object: Any = None

    def find(self, *, lock: bool = False) -> Any:
        """The user's own row of this address."""
        return own_row(self.list_view.model, self.request.user, self.kwargs["pk"], lock=lock)

    @property
    def in_dialog(self) -> bool:
        return targets(self.request, DIALOG)

    def back_url(self) -> str:
        return reverse(self.list_view.things)

    def show(self, *, status: int = 200, **context: Any) -> HttpResponse:
        template = self.dialog_template if self.in_dialog else self.page_template
        shell = {"title": self.title, "back_url": self.back_url(), "body": self.body, "wide": self.wide}
        context = {**shell, "object": self.object, **context}
        return render(self.request, template, context, status=status)

    def changed(self, text: str) -> HttpResponse:
        """Done: the list on screen reloads itself, or the next page says so."""
        messages.success(self.request, text)
        if self.in_dialog:
            return no_content(f"{self.list_view.things}:changed", "dialog:close")
        return redirect(self.success_url())

    def success_url(self) -> str:
        return self.back_url()


class OnAllFound:
    """For a panel that acts on all own rows that the list's filter finds, by one statement."""

    list_view: ClassVar[type[TableView]]
    request: Any

    def found(self) -> QuerySet[Any]:
        """Nobody, if the address says something that the filter does not know."""
        manager: Any = self.list_view.model._default_manager
        filterset = self.list_view.filterset_class(
            self.request.GET, queryset=manager.owned_by(self.request.user), request=self.request
        )
        rows: QuerySet[Any] = filterset.qs
        return rows


class PanelFormView(PanelView):
    form_class: ClassVar[type[Any]]
    body = "includes/form_body.html"

    def make_form(self, data: Any = None, **kwargs: Any) -> ModelForm[Any]:
        form: ModelForm[Any] = self.form_class(
            data, instance=self.object, owner=self.request.user, initial=self.initial(), **kwargs
        )
        return form

    def initial(self) -> dict[str, Any]:
        return {}

    def ask_first(self, form: Any) -> HttpResponse | None:
        """What to ask about a valid form before it is saved, if anything."""
        return None

    def store(self, form: Any) -> Any:
        """Save a valid form; the place to call a domain function."""
        return form.save()

    def saved(self, form: ModelForm[Any]) -> bool:
        """Save, and tell whether nothing else was faster: then its message stands in the form."""
        try:
            with transaction.atomic():
                self.object = self.store(form)
        except IntegrityError:
            form.validate_constraints()
            if form.is_valid():
                form.add_error(None, _("This could not be saved. Reload the page and try again."))
            return False
        return True


class CreatePanel(OwnersOnly, PanelFormView):
    """An empty form, and the row it makes; the same form sent again leads to the same row."""

    done_text: ClassVar[Text]

    def initial(self) -> dict[str, Any]:
        return {"form_key": uuid.uuid4()}

    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        return self.show(form=self.make_form())

    def post(self, request: Request, **kwargs: Any) -> HttpResponse:
        self.object = self.earlier()
        if self.object:
            return self.changed(str(self.done_text))
        form = self.make_form(request.POST)
        if form.is_valid():
            if question := self.ask_first(form):
                return question
            form.instance.form_key = form.cleaned_data.get("form_key") or uuid.uuid4()
            if self.saved(form):
                return self.changed(str(self.done_text))
            self.object = self.earlier()
            if self.object:
                return self.changed(str(self.done_text))
        return self.show(form=form, status=422)

    def earlier(self) -> Any:
        """The row that this very form made when it was sent before."""
        try:
            key = uuid.UUID(self.request.POST.get("form_key", ""))
        except ValueError:
            return None
        rows = self.list_view.model._default_manager.owned_by(self.request.user)
        return rows.filter(form_key=key).first()


class EditPanel(PanelFormView):
    """A row's form; in the dialog the answer to a valid one is the row, rendered anew."""

    done_text: ClassVar[Text]

    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        self.object = self.find()
        return self.show(form=self.make_form())

    def post(self, request: Request, **kwargs: Any) -> HttpResponse:
        with transaction.atomic():
            self.object = self.find(lock=True)
            form = self.make_form(request.POST)
            valid = form.is_valid()
            if valid and (question := self.ask_first(form)):
                return question
            done = valid and self.saved(form)
        if not done:
            return self.show(form=form, status=422)
        return self.row() if self.in_dialog else self.changed(str(self.done_text))

    def row(self) -> HttpResponse:
        messages.success(self.request, str(self.done_text))
        return self.list_view.answer_row(self.request, self.object.pk)


class DeletePanel(PanelView):
    """A page that says what goes with a row, and its deletion; what is in use stays."""

    body = "includes/confirm_body.html"
    done_text: ClassVar[Text]
    blocked_text: ClassVar[Text] = ""

    def get(self, request: Request, **kwargs: Any) -> HttpResponse:
        self.object = self.find()
        return self.confirm(self.blockers())

    def post(self, request: Request, **kwargs: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                self.object = self.find(lock=True)
                self.remove()
        except ProtectedError:
            return self.confirm(self.blockers(), status=422)
        return self.changed(str(self.done_text))

    def confirm(self, blockers: list[tuple[str, str]], status: int = 200) -> HttpResponse:
        return self.show(
            status=status,
            blockers=blockers,
            blocked_text=self.blocked_text,
            consequences=[] if blockers else self.consequences(),
        )

    def remove(self) -> None:
        self.object.delete()

    def blockers(self) -> list[tuple[str, str]]:
        """Address and name of what needs this row."""
        return []

    def consequences(self) -> list[str]:
        """What goes with the row, a sentence each."""
        return []
