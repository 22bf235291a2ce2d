"""The managers' table of users; only superusers create, edit and delete them."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from people.access import NotAllowed, admit, block, may_block, may_invite, set_allowance, unblock
from people.accounts import LastSuperuser, consequences, create_user, delete_account, edit_user
from people.filters import AuditFilter, UserFilter
from people.forms.users import AllowanceForm, ReasonForm, UserForm
from people.models import AuditEntry, User
from people.tables import AuditTable, UserTable
from site_config.ui.columns import ListColumns
from site_config.ui.http import Request, done, targets
from site_config.ui.lists import TableView
from site_config.ui.panels import EditPanel, PanelFormView, PanelView
from site_config.ui.tables import row_id
from site_config.ui.views import ActionView, SignedIn


class Permitted(SignedIn):
    """Only for users with a permission; 403 for others."""

    permission: ClassVar[str]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and not self.permitted(request.user):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def permitted(self, user: User) -> bool:
        return user.has_perm(self.permission)


class ForSuperusers(Permitted):
    def permitted(self, user: User) -> bool:
        return user.is_superuser


class UserList(Permitted, TableView):
    permission = "people.see_all_users"
    model = User
    table_class = UserTable
    filterset_class = UserFilter
    things = "users"
    columns_url_name = "users_columns"
    title = _("Users")
    lead = _("Everyone who has an account.")
    create_url_name = "user_create"
    create_title = _("New user")

    @classmethod
    def rows(cls, user: User) -> QuerySet[User]:
        rows: QuerySet[User] = User.objects.visible_to(user)
        return rows.select_related("blocked_by").prefetch_related("groups")

    def may_create(self) -> bool:
        return may_invite(self.request.user)


class AuditTrail(Permitted, TableView):
    permission = "people.view_auditentry"
    model = AuditEntry
    table_class = AuditTable
    filterset_class = AuditFilter
    things = "audit"
    columns_url_name = "audit_columns"
    title = _("Audit trail")
    lead = _("What was done to mailings, users and access. Nothing here can be changed.")

    @classmethod
    def rows(cls, user: User) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.all()


class Columns(Permitted, ListColumns):
    """The columns of a list that is for managers alone."""

    permission = "people.see_all_users"


class OnUser(PanelView):
    """A dialog or a button that acts on a user of the table."""

    list_view = UserList

    def find(self, *, lock: bool = False) -> User:
        rows: QuerySet[User] = User.objects.visible_to(self.request.user)
        row = (rows.select_for_update() if lock else rows).filter(pk=self.kwargs["pk"]).first()
        if row is None:
            raise Http404
        return row

    def done(self, text: str, *, row: bool, undo: str = "") -> HttpResponse:
        """The row as it is now, if a row asked; else the list, which says what was done."""
        done(self.request, text, undo=undo)
        if not row:
            return redirect("users")
        return UserList.answer_row(self.request, self.object.pk)


class UserBlock(Permitted, OnUser):
    """Asks why, and blocks; doing it twice changes nothing."""

    permission = "people.block_user"
    title: ClassVar[str | Promise] = _("Block user")
    body = "includes/form_body.html"

    def get(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        if not may_block(user=self.object, by=request.user):
            raise PermissionDenied
        return self.ask(ReasonForm())

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        form = ReasonForm(request.POST)
        if not may_block(user=self.object, by=request.user):
            raise PermissionDenied
        if not form.is_valid():
            return self.ask(form, status=422)
        block(user=self.object, by=request.user, reason=form.cleaned_data["reason"])
        text = gettext("%(user)s is blocked.") % {"user": self.object}
        return self.done(text, row=self.in_dialog, undo=reverse("user_unblock", args=[pk]))

    def ask(self, form: ReasonForm, status: int = 200) -> HttpResponse:
        title = gettext("Block %(user)s?") % {"user": self.object}
        return self.show(form=form, title=title, submit=_("Block"), status=status)


class UserAllowance(Permitted, OnUser):
    """How many mails a user may send in 24 hours."""

    permission = "people.block_user"
    title: ClassVar[str | Promise] = _("Daily allowance")
    body = "includes/form_body.html"

    def get(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        if not may_block(user=self.object, by=request.user):
            raise PermissionDenied
        return self.ask(AllowanceForm(initial={"mails": self.object.mails_per_day}))

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        form = AllowanceForm(request.POST)
        if not may_block(user=self.object, by=request.user):
            raise PermissionDenied
        if not form.is_valid():
            return self.ask(form, status=422)
        set_allowance(user=self.object, mails=form.cleaned_data["mails"], by=request.user)
        text = gettext("The allowance of %(user)s is set.") % {"user": self.object}
        return self.done(text, row=self.in_dialog)

    def ask(self, form: AllowanceForm, status: int = 200) -> HttpResponse:
        title = gettext("How many mails may %(user)s send a day?") % {"user": self.object}
        return self.show(form=form, title=title, submit=_("Save"), status=status)


class UserUnblock(Permitted, OnUser, ActionView):
    permission = "people.block_user"

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        try:
            unblock(user=self.object, by=request.user)
        except NotAllowed as error:
            raise PermissionDenied from error
        text = gettext("%(user)s may log in again.") % {"user": self.object}
        return self.done(text, row=targets(request, row_id(self.object)))


class UserAdmit(Permitted, OnUser, ActionView):
    """Approves an account that waits for it."""

    permission = "people.block_user"

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        admit(user=self.object, by=request.user)
        text = gettext("%(user)s was approved and has been notified by email.") % {"user": self.object}
        return self.done(text, row=targets(request, row_id(self.object)))


class UserFormView(ForSuperusers, OnUser, PanelFormView):
    form_class = UserForm

    def make_form(self, data: Any = None, **kwargs: Any) -> UserForm:
        return UserForm(data, instance=self.object, initial=self.initial(), **kwargs)


class UserCreate(UserFormView):
    title = _("New user")

    def permitted(self, user: User) -> bool:
        return may_invite(user)

    def make_form(self, data: Any = None, **kwargs: Any) -> UserForm:
        form = super().make_form(data, **kwargs)
        if not self.request.user.is_superuser:
            del form.fields["groups"]  # only superusers give roles
        return form

    def initial(self) -> dict[str, Any]:
        by = self.request.user
        return {"time_zone": by.time_zone, "language": by.language or self.request.LANGUAGE_CODE}

    def store(self, form: UserForm) -> User:
        user = form.save(commit=False)
        return create_user(user=user, groups=form.cleaned_data.get("groups", ()), by=self.request.user)

    def get(self, request: Request) -> HttpResponse:
        return self.show(form=self.make_form(), submit=_("Create and invite"))

    def post(self, request: Request) -> HttpResponse:
        form = self.make_form(request.POST)
        if form.is_valid() and self.saved(form):
            return self.changed(gettext("%(user)s was invited by email.") % {"user": self.object})
        self.object = None
        return self.show(form=form, submit=_("Create and invite"), status=422)


class UserEdit(UserFormView, EditPanel):
    title = _("Edit user")
    done_text = _("The user was saved.")

    def store(self, form: UserForm) -> User:
        user = form.save(commit=False)
        return edit_user(user=user, groups=form.cleaned_data["groups"], by=self.request.user)


class UserDelete(ForSuperusers, OnUser):
    title: ClassVar[str | Promise] = _("Delete user")
    body = "includes/confirm_body.html"

    def get(self, request: Request, pk: int) -> HttpResponse:
        return self.confirm()

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.object = self.find()
        if self.object.pk == request.user.pk:
            raise PermissionDenied  # one's own account has its own page, which asks for the password
        try:
            delete_account(user=self.object, by=request.user)
        except LastSuperuser:
            return self.confirm(status=422)
        return self.changed(gettext("The user was deleted."))

    def confirm(self, status: int = 200) -> HttpResponse:
        self.object = self.find()
        return self.show(consequences=consequences(self.object), status=status)
