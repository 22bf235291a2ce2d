from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import Model, Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from mailer import mailings
from mailer.audience import Audience, audience_of_mailing
from mailer.checking import background
from mailer.checking.mailings import kept
from mailer.composing.drafts import saved_of
from mailer.composing.looking import look
from mailer.filters import AttemptFilter, MailingFilter
from mailer.forms.mailing import MailingForm, audience_of, submitted_pickers
from mailer.forms.picker import Picker, as_ids
from mailer.forms.plan import plan_of
from mailer.models import Attempt, Mailing
from mailer.sending.opening import why_not
from mailer.sending.progress import progress_of, why_late
from mailer.tables import AttemptTable, MailingTable, OversightTable
from mailer.views.checking import network_context
from mailer.views.clients import rules_lost
from people.models import User
from site_config.ui.counting import LIMIT, UpTo
from site_config.ui.http import Request, targets
from site_config.ui.lists import POLL, REGION, TableView
from site_config.ui.panels import CreatePanel, DeletePanel, EditPanel
from site_config.ui.views import ActionView, OwnersOnly, own_row

NEXT_RUNS = 3
SOON = timedelta(minutes=2)
LIVE_SECONDS, SOON_SECONDS, IDLE_SECONDS = 1, 2, 30
OVERSIGHT_SECONDS = 10  # among everybody's mailings, something is always running


class MailingList(TableView):
    model = Mailing
    table_class = MailingTable
    filterset_class = MailingFilter
    things = "mailings"
    columns_url_name = "mailings_columns"
    bulk_url_name = "mailings_bulk"
    bulk_actions = (("pause", _("Pause")), ("resume", _("Resume")))
    bulk_when_ticked = True
    title = _("Mailings")
    lead = _("One message to many clients, once or every day, week or month.")
    create_url_name = "mailing_create"
    create_title = _("New mailing")

    @classmethod
    def rows(cls, user: User) -> QuerySet[Mailing]:
        latest = Prefetch("attempts", Attempt.objects.latest_of_each_mailing(), to_attr="latest")
        rows = Mailing.objects.visible_to(user).select_related("message").prefetch_related(latest)
        return rows.select_related("owner").with_runs() if user.oversees else rows

    @classmethod
    def table_of(cls, user: User) -> type[MailingTable]:
        return OversightTable if user.oversees else MailingTable

    @classmethod
    def row_table(cls, row: Model, request: HttpRequest) -> MailingTable:
        user = cast("Request", request).user
        return cls.table_of(user)([row], request=request, user=user)

    def get_table_class(self) -> type[MailingTable]:
        return self.table_of(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if self.request.user.only_watches:
            kwargs = {"lead": _("All users' mailings."), **kwargs}
        return super().get_context_data(**kwargs)

    def bulk(self) -> dict[str, Any] | None:
        """For one's own mailings alone."""
        return None if self.request.user.oversees else super().bulk()

    def poll_seconds(self, context: dict[str, Any]) -> int:
        rows = [row.record for row in context["table"].paginated_rows]
        if self.request.user.oversees:
            return OVERSIGHT_SECONDS
        if any(row.last_run and row.last_run.goes_on and not row.paused_at for row in rows):
            return LIVE_SECONDS
        return seconds_until_a_look(*rows)


def seconds_until_a_look(*mailings: Mailing) -> int:
    """How soon a page that shows these mailings should refresh; never if nothing is to come."""
    due = [m.next_run_at for m in mailings if m.next_run_at and not m.paused_at and not m.disabled_at]
    if not due:
        return 0
    now = timezone.now()
    if min(due) <= now:
        return LIVE_SECONDS  # its run opens at any moment
    return SOON_SECONDS if min(due) < now + SOON else IDLE_SECONDS


class MailingPage:
    """The form of a mailing, in a wide dialog or on a page of its own."""

    list_view = MailingList
    form_class = MailingForm
    body = "mailings/form_body.html"
    wide = True
    object: Any
    show: Callable[..., HttpResponse]
    request: Any

    def ask_first(self, form: MailingForm) -> HttpResponse | None:
        """Mail that goes out as soon as it is saved is confirmed first, with its number of recipients."""
        plan = form.plan
        if plan is None or not plan.now or self.request.POST.get("confirmed"):
            return None
        message = form.cleaned_data["message"]
        written = saved_of(message)
        shown = look(written=written, owner=form.owner, laid_out=message.body)
        if shown.compiled:
            background.request_unless_known(message, shown.compiled.facts.links)
        return self.show(
            form=form,
            plan=plan,
            message=message,
            preview=shown,
            findings=form.findings(shown),
            **network_context(message, written, shown, bare=True, domain=form.cleaned_data["from_domain"]),
            sender=form.sender,
            body="mailings/review_body.html",
            title=_("Check before sending"),
        )

    def store(self, form: MailingForm) -> Mailing:
        data = form.cleaned_data
        background.request_unless_known(data["message"], ())
        return mailings.save_mailing(
            form.save(commit=False),
            clients=data["clients"],
            groups=data["groups"],
            excluded=data["excluded"],
            copy_of=self.source(),
        )

    def source(self) -> Mailing | None:
        """What it is made of, if it is a copy."""
        return None

    def success_url(self) -> str:
        return reverse("mailing_detail", args=[self.object.pk])


class MailingCreate(MailingPage, CreatePanel):
    title = _("New mailing")
    done_text = _("The mailing was saved.")

    def initial(self) -> dict[str, Any]:
        start = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return {
            **super().initial(),
            "message": self.request.GET.get("message", ""),
            "groups": self.request.GET.getlist("group"),
            "starts_at": start,
            "time_zone": self.request.user.time_zone,
        }


class MailingClone(MailingCreate):
    """A new mailing that begins as a copy of another, except for dates that have passed."""

    title = _("Copy of a mailing")

    def source(self) -> Mailing:
        mailing: Mailing = own_row(Mailing, self.request.user, self.kwargs["pk"])
        return mailing

    def initial(self) -> dict[str, Any]:
        source = self.source()
        initial = super().initial()
        start = max(initial["starts_at"], source.starts_at)
        return {
            **initial,
            "name": source.name,
            "message": source.message_id,
            "groups": list(source.groups.values_list("pk", flat=True)),
            "clients": list(source.clients.values_list("pk", flat=True)),
            "excluded": list(source.excluded.values_list("pk", flat=True)),
            "each_once": source.each_once,
            "period": source.period,
            "starts_at": start,
            "ends_at": source.ends_at and start + (source.ends_at - source.starts_at),
            "time_zone": source.time_zone,
        }


class MailingEdit(MailingPage, EditPanel):
    title = _("Edit mailing")
    done_text = _("The mailing was saved.")


class MailingDelete(DeletePanel):
    list_view = MailingList
    title = _("Delete mailing")
    done_text = _("The mailing was deleted.")

    def remove(self) -> None:
        mailings.delete(self.object)

    def consequences(self) -> list[str]:
        lost = rules_lost(self.object, "mailing")
        attempts = self.object.attempts.count()
        if not attempts:
            return lost
        mails = mailings.mails_of(self.object)
        lines = [
            ngettext(
                "The report of %(count)s run goes with it:",
                "The reports of %(count)s runs go with it:",
                attempts,
            )
            % {"count": attempts}
            + " "
            + ngettext("what became of %(count)s mail.", "what became of %(count)s mails.", mails)
            % {"count": mails}
        ]
        if mails > LIMIT:
            lines.append(
                str(_("It disappears from your pages at once. Deleting this much takes a few more minutes."))
            )
        if self.object.attempts.running().exists():
            lines.append(str(_("It is being sent right now; what has not been sent yet will not go out.")))
        return [*lines, *lost]


class MailingDetail(TableView):
    """One mailing: its state, what is running, and all its attempts."""

    model = Attempt
    table_class = AttemptTable
    filterset_class = AttemptFilter
    things = "mailings"
    title = _("Mailing")
    template_name = "mailings/detail.html"
    above_table = "mailings/state.html"

    @cached_property
    def mailing(self) -> Mailing:
        rows = Mailing.objects.visible_to(self.request.user)
        rows = rows.select_related("message__network_check", "owner", "disabled_by")
        rows = rows.defer("message__network_check__links", "message__network_check__sender")
        mailing = rows.filter(pk=self.kwargs["pk"]).first()
        if mailing is None:
            raise Http404
        return mailing

    def get_queryset(self) -> QuerySet[Attempt]:
        return self.mailing.attempts.all()

    def get_table_class(self) -> type[AttemptTable]:
        return AttemptTable

    @property
    def own(self) -> bool:
        return self.mailing.owner_id == self.request.user.pk

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mailing = self.mailing
        own = {
            "title": str(mailing),
            "mailing": mailing,
            "running": self.running,
            "progress": self.running and progress_of(self.running),
            "audience": self.audience,
            "own": self.own,
            "may_run": self.own and not why_not(mailing),
            "may_disable": self.request.user.has_perm("mailer.disable_mailing"),
            "groups": mailing.groups.all(),
            "single_clients": mailing.clients.count(),
            "next_runs": self.next_runs(),
            "check_counts": kept(mailing) if self.own and self.is_opened else None,
            "is_opened": self.is_opened,
            "late": why_late(mailing),
        }
        return super().get_context_data(**{**own, **kwargs})

    @cached_property
    def running(self) -> Attempt | None:
        running = self.mailing.attempts.running().first()
        if running:
            running.mailing = self.mailing
        return running

    @property
    def audience(self) -> Audience | None:
        """Counted by a run; otherwise counted when the page is opened, and not again by its polls."""
        if self.running:
            return Audience(total=UpTo(self.running.total), suppressed=self.running.skipped)
        return audience_of_mailing(self.mailing) if self.is_opened else None

    @property
    def is_opened(self) -> bool:
        """Rather than refreshed by a poll or a filter."""
        return not (targets(self.request, POLL) or targets(self.request, REGION))

    def next_runs(self) -> list[datetime]:
        """The next few dates, in the mailing's own time zone."""
        run = self.mailing.comes_at
        dates: list[datetime] = []
        while run and len(dates) < NEXT_RUNS:
            dates.append(run.astimezone(self.mailing.zone))
            run = self.mailing.schedule.next_after(run)
        return dates

    def poll_seconds(self, context: dict[str, Any]) -> int:
        stopped = self.mailing.paused_at or self.mailing.disabled_at
        if self.running and self.running.goes_on and not stopped:
            return LIVE_SECONDS
        return IDLE_SECONDS if self.running else seconds_until_a_look(self.mailing)


class Recipients(OwnersOnly, ActionView):
    """While a mailing's form is filled in: what a search finds, and how many the choice reaches."""

    back = "mailing_create"

    def post(self, request: Request) -> HttpResponse:
        chosen = submitted_pickers(request.user, request.POST)
        excluded = as_ids(request.POST.getlist("excluded"))
        audience = audience_of(request.user, chosen, excluded=excluded)
        form = MailingForm(request.POST, owner=request.user)
        context: dict[str, Any] = {
            "audience": audience,
            "plan": plan_of(form, recipients=audience.mailable),
            "swapped": True,
        }
        target = self.targeted(chosen)
        if target is None:
            return render(request, "mailings/audience.html", context)
        return render(request, "mailings/picker_list.html", {**context, "picker": target, "reload": True})

    def targeted(self, chosen: list[Picker]) -> Picker | None:
        target = (self.request.htmx.target or "").rpartition("#")[2]
        return next((picker for picker in chosen if picker.list_id == target), None)
