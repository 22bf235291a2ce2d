from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django_filters.views import FilterView
from liquid.exceptions import LiquidError

from mailer.composing.compiling import preview_of
from mailer.filters import AttemptFilter, DeliveryFilter
from mailer.models import Attempt, Delivery
from mailer.reporting.answers import meanings_of
from mailer.reporting.figures import figures_of, totals_of
from mailer.sending.progress import progress_of
from mailer.tables import DeliveryTable, OversightReportTable, OwnDeliveryTable, ReportTable
from mailer.views.mail_frame import mail_frame
from mailer.views.mailings import IDLE_SECONDS, LIVE_SECONDS
from people.models import User
from site_config.ui.http import Request, targets
from site_config.ui.lists import REGION, TableView
from site_config.ui.views import SignedIn


class ReportList(TableView):
    model = Attempt
    table_class = ReportTable
    filterset_class = AttemptFilter
    things = "reports"
    columns_url_name = "reports_columns"
    title = _("Reports")
    template_name = "reports/list.html"
    above_table = "reports/totals.html"
    lead = _("Every run of every mailing, with the mail server's answers.")

    @classmethod
    def rows(cls, user: User) -> QuerySet[Attempt]:
        rows = Attempt.objects.visible_to(user)
        return rows.select_related("mailing__owner" if user.oversees else "mailing")

    def get_table_class(self) -> type[ReportTable]:
        return OversightReportTable if self.request.user.oversees else ReportTable

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(totals=totals_of(self.object_list), **kwargs)

    def poll_seconds(self, context: dict[str, Any]) -> int:
        rows = [row.record for row in context["table"].paginated_rows]
        return LIVE_SECONDS if any(_is_moving(attempt) for attempt in rows) else IDLE_SECONDS


def _is_moving(attempt: Attempt) -> bool:
    """Whether its figures can change within seconds."""
    mailing = attempt.mailing
    stopped = attempt.held_at or mailing.paused_at or mailing.disabled_at
    return not (attempt.finished_at or stopped)


class ReportFigures(SignedIn, FilterView):
    """What the runs that a filter finds add up to: charts, each with its table."""

    filterset_class = AttemptFilter
    strict = False

    def get_queryset(self) -> QuerySet[Attempt]:
        return Attempt.objects.visible_to(self.request.user)

    def get_template_names(self) -> list[str]:
        return ["reports/figures_region.html" if targets(self.request, REGION) else "reports/figures.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        figures = figures_of(self.object_list, seen_by=self.request.user)
        context: dict[str, Any] = super().get_context_data(figures=figures, **kwargs)
        return context


class OneAttempt(SignedIn):
    @cached_property
    def attempt(self) -> Attempt:
        rows = Attempt.objects.select_related("mailing__owner", "follows", "followed_by")
        attempt = rows.visible_to(self.request.user).filter(pk=self.kwargs["pk"]).first()
        if attempt is None:
            raise Http404
        return attempt


class AttemptDetail(OneAttempt, TableView):
    """One run: its counts, the server's answers, and what became of each mail."""

    model = Delivery
    table_class = DeliveryTable
    filterset_class = DeliveryFilter
    things = "reports"
    title = _("Report")
    template_name = "reports/detail.html"
    above_table = "reports/state.html"
    by_key = True

    def get_queryset(self) -> QuerySet[Delivery]:
        deliveries = self.attempt.deliveries.all()
        shown = self.attempt.shows_addresses_to(self.request.user)
        return deliveries.bounded() if shown else deliveries.none()

    def get_table_class(self) -> type[DeliveryTable]:
        own = self.attempt.mailing.owner_id == self.request.user.pk
        return OwnDeliveryTable if own else DeliveryTable

    def constant_column(self) -> str:
        """By the queue's index, in which unsent deliveries have no time; see with_status."""
        return "next_try_at" if self.request.GET.get("status") in Delivery.UNSENT else ""

    def found(self) -> int | None:
        """From the run's counts, if only a status is asked for."""
        if self.attempt.pruned_at or self.request.GET.get("q") or self.request.GET.get("possibly_twice"):
            return None
        status = self.request.GET.get("status", "")
        counts = {"": "total", **{name: name for name in ("sent", "failed", "skipped", "expired")}}
        return getattr(self.attempt, counts[status]) if status in counts else None

    def get_filterset_kwargs(self, filterset_class: Any) -> dict[str, Any]:
        return {**super().get_filterset_kwargs(filterset_class), "attempt": self.attempt}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        attempt = self.attempt
        own = {
            "attempt": attempt,
            "title": str(attempt.mailing),
            "above_elsewhere": True,
            "may_send_again": self.may_send_again,
            "progress": None if attempt.finished_at else progress_of(attempt),
            "meanings": meanings_of([attempt], seen_by=self.request.user),
        }
        return super().get_context_data(**{**own, **kwargs})

    @property
    def may_send_again(self) -> bool:
        attempt = self.attempt
        open_to_it = attempt.finished_at and not attempt.pruned_at and not hasattr(attempt, "followed_by")
        own = attempt.mailing.owner_id == self.request.user.pk
        return bool(own and open_to_it and attempt.failed + attempt.expired)

    def poll_seconds(self, context: dict[str, Any]) -> int:
        if self.attempt.finished_at:
            return 0
        return LIVE_SECONDS if _is_moving(self.attempt) else IDLE_SECONDS


@mail_frame
class AttemptHtml(OneAttempt):
    """The message as this run sent it, for a sandboxed frame."""

    def get(self, request: Request, pk: int) -> HttpResponse:
        attempt = self.attempt
        try:
            shown = preview_of(
                subject=attempt.subject,
                body=attempt.body,
                format=attempt.format,
                owner=attempt.mailing.owner,
            )
        except LiquidError:
            return HttpResponse(status=422)
        return HttpResponse(shown.html)
