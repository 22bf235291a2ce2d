from typing import Any

import django_tables2 as tables
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from mailer.audience import sizes_of
from mailer.models import Attempt, Mailing
from mailer.tables.states import ATTEMPT_KINDS, MAILING_KINDS, MAIN, StateColumn, mailing_badge
from people.tables import OwnerColumn
from site_config.ui.bulk import SelectColumn
from site_config.ui.counting import LIMIT, UpTo, share, short
from site_config.ui.tables import (
    Action,
    ActionsColumn,
    ComingColumn,
    NumberColumn,
    RowTable,
    TimeColumn,
    badge,
)


def own(mailing: Mailing, user: Any) -> bool:
    return bool(mailing.owner_id == user.pk)


def runs_on(mailing: Mailing) -> bool:
    """Whether its owner can still pause or resume it."""
    return mailing.state not in (Mailing.State.FINISHED, Mailing.State.DISABLED)


def running_of(mailing: Mailing) -> Attempt | None:
    """The unfinished run, if there is one."""
    return mailing.last_run if mailing.last_run and not mailing.last_run.finished_at else None


def is_held(mailing: Mailing) -> bool:
    """Whether its run is on hold until somebody acts, and no switch keeps it from going on."""
    running = running_of(mailing)
    return bool(running and running.held_at) and bool(mailing.is_switched_on)


def may_try_again(mailing: Mailing, user: Any) -> bool:
    return own(mailing, user) and is_held(mailing)


def may_release(mailing: Mailing, user: Any) -> bool:
    return not own(mailing, user) and is_held(mailing) and user.has_perm("mailer.disable_mailing")


def may_run(mailing: Mailing, user: Any) -> bool:
    return own(mailing, user) and mailing.is_switched_on and not mailing.has_ended(timezone.now())


def may_pause(mailing: Mailing, user: Any) -> bool:
    return own(mailing, user) and not mailing.paused_at and runs_on(mailing)


def may_resume(mailing: Mailing, user: Any) -> bool:
    return own(mailing, user) and bool(mailing.paused_at) and runs_on(mailing)


def may_disable(mailing: Mailing, user: Any) -> bool:
    return not mailing.disabled_at and user.has_perm("mailer.disable_mailing")


def may_enable(mailing: Mailing, user: Any) -> bool:
    return bool(mailing.disabled_at) and user.has_perm("mailer.disable_mailing")


OWNERS_ACTIONS = (
    Action(
        name="retry",
        title=_("Try again"),
        url_name="attempt_retry",
        of=lambda mailing: mailing.last_run.pk,
        post=True,
        shown=may_try_again,
    ),
    Action(name="pause", title=_("Pause"), url_name="mailing_pause", post=True, shown=may_pause),
    Action(name="resume", title=_("Resume"), url_name="mailing_resume", post=True, shown=may_resume),
    Action(name="run", title=_("Run now"), url_name="mailing_run", shown=may_run),
    Action(name="edit", title=_("Edit"), url_name="mailing_edit", shown=own),
    Action(name="clone", title=_("Copy"), url_name="mailing_clone", shown=own),
    Action(name="delete", title=_("Delete"), url_name="mailing_delete", shown=own, danger=True),
)
OVERSIGHT_ACTIONS = (
    Action(name="release", title=_("Release"), url_name="mailing_release", shown=may_release),
    Action(name="disable", title=_("Disable"), url_name="mailing_disable", shown=may_disable, danger=True),
    Action(
        name="enable",
        title=_("Enable"),
        url_name="mailing_enable",
        post=True,
        confirm=_("Enable “%(row)s” again? It continues on schedule."),
        shown=may_enable,
    ),
)


class MailingTable(RowTable):
    list_name = "mailings"
    select = SelectColumn()
    name = tables.Column(linkify=("mailing_detail", [tables.A("pk")]), empty_values=(), attrs=MAIN)
    state = StateColumn(MAILING_KINDS, Mailing.State)
    period = tables.Column()
    starts_at = TimeColumn(verbose_name=_("Starts"))
    next_run_at = ComingColumn(
        verbose_name=_("Next run"), accessor="comes_at", order_by=("next_run_at",), default=""
    )
    last_run = tables.Column(verbose_name=_("Last run"), orderable=False, default="")
    actions = ActionsColumn(*OWNERS_ACTIONS)

    class Meta(RowTable.Meta):
        model = Mailing
        fields = ("select", "name", "state", "period", "starts_at", "next_run_at", "last_run", "actions")
        order_by = "-starts_at"
        empty_text = _("No mailings found. A mailing sends one message to many clients, once or regularly.")

    def render_name(self, record: Mailing) -> str:
        return str(record)

    def render_state(self, record: Mailing) -> str:
        return mailing_badge(record, running=running_of(record))

    def render_last_run(self, value: Attempt) -> str:
        done, kind = value.sent if value.finished_at else value.done, ATTEMPT_KINDS[value.state]
        if value.total >= LIMIT:
            text = _("%(share)s sent") if value.finished_at else _("%(share)s done")
            return badge(kind, text % {"share": share(done, value.total)})
        text = _("%(sent)s of %(total)s sent") if value.finished_at else _("%(done)s of %(total)s")
        return badge(kind, text % {"sent": done, "done": done, "total": value.total})


class OversightTable(MailingTable):
    """The mailings of all users, for those who look after them."""

    owner = OwnerColumn("owner")
    runs = NumberColumn(verbose_name=_("Runs"))
    recipients = NumberColumn(accessor="pk", verbose_name=_("Recipients"), orderable=False, empty_values=())
    actions = ActionsColumn(*OVERSIGHT_ACTIONS, *OWNERS_ACTIONS)

    class Meta(MailingTable.Meta):
        exclude = ("period", "select")
        sequence = ("name", "owner", "state", "recipients", "runs", "...", "actions")

    @cached_property
    def sizes(self) -> dict[int, UpTo]:
        """How many those of this page would reach that have not run yet; others show it in their last run."""
        rows = [row.record for row in self.paginated_rows]
        return sizes_of([mailing.pk for mailing in rows if not mailing.last_run])

    def render_recipients(self, record: Mailing) -> str:
        if record.last_run:
            return short(record.last_run.total)
        size = self.sizes.get(record.pk)
        return str(_("by rule")) if size is None else size.shown
