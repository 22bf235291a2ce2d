"""Panels: the forms and questions about one row, in the dialog or on a page of their own."""

import uuid
from typing import Any, ClassVar

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from site_config.ui.forms import ModelForm
from site_config.ui.http import Request, no_content, targets
from site_config.ui.lists import TableView
from site_config.ui.views import OwnersOnly, SignedIn, Text, own_row

DIALOG = "dialog-body"


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
