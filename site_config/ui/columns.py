"""Choosing the columns of a list: each user sees the ones they want, on every machine."""

from typing import Any, ClassVar

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from site_config.ui.http import Request
from site_config.ui.lists import TableView
from site_config.ui.panels import PanelView


class ColumnsForm(forms.Form):
    columns = forms.MultipleChoiceField(label=_("Show"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, data: Any = None, *, choices: list[tuple[str, str]], shown: list[str]) -> None:
        super().__init__(data, initial={"columns": shown})
        self.fields["columns"].choices = choices  # type: ignore[attr-defined]


class ListColumns(PanelView):
    """Asks which columns of a list are shown, and keeps the answer."""

    list_view: ClassVar[type[TableView]] = TableView
    title = _("Columns")
    body = "includes/form_body.html"

    def get(self, request: Request) -> HttpResponse:
        return self.show(form=self.form())

    def post(self, request: Request) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self.show(form=form, status=422)
        self.keep(form.cleaned_data["columns"])
        return self.changed(str(_("The columns were changed.")))

    def form(self, data: Any = None) -> ColumnsForm:
        return ColumnsForm(data, choices=self.choices(), shown=self.shown())

    def table_class(self) -> Any:
        view = self.list_view()
        view.setup(self.request)
        return view.get_table_class()

    def choices(self) -> list[tuple[str, str]]:
        choices: list[tuple[str, str]] = self.table_class().column_choices()
        return choices

    def shown(self) -> list[str]:
        table = self.table_class()
        hidden = self.request.user.hidden_columns.get(table.list_name, ())
        return [name for name in table.choosable() if name not in hidden]

    def keep(self, chosen: list[str]) -> None:
        table = self.table_class()
        hidden = [name for name in table.choosable() if name not in chosen]
        self.request.user.hide_columns(table.list_name, hidden)
