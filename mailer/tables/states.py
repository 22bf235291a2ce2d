"""How the states of mailings, runs and deliveries look; `kinds` are those of a badge."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailer.models import Attempt, Delivery, Mailing
from site_config.ui.tables import BadgeColumn, badge

MAIN: dict[str, Any] = {"td": {"class": "main-cell"}}
MAILING_KINDS: dict[str, str] = {
    Mailing.State.RUNNING: "ok",
    Mailing.State.PAUSED: "warn",
    Mailing.State.DISABLED: "bad",
}
ATTEMPT_KINDS: dict[str, str] = {
    Attempt.State.RUNNING: "live",
    Attempt.State.WAITING: "warn",
    Attempt.State.ALLOWANCE: "warn",
    Attempt.State.HELD: "bad",
    Attempt.State.SUCCEEDED: "ok",
    Attempt.State.PARTLY: "warn",
    Attempt.State.FAILED: "bad",
}
DELIVERY_KINDS: dict[str, str] = {
    Delivery.Status.SENDING: "live",
    Delivery.Status.SENT: "ok",
    Delivery.Status.FAILED: "bad",
    Delivery.Status.SKIPPED: "warn",
    Delivery.Status.EXPIRED: "warn",
}


class StateColumn(BadgeColumn):
    """What people see of a mailing or an attempt: its `state`."""

    def __init__(self, kinds: dict[str, str], states: Any) -> None:
        super().__init__(kinds, accessor="state", verbose_name=_("Status"), order_by=("status",))
        self.states = states

    def text(self, raw: str, value: Any) -> str | Promise:
        return str(self.states(raw).label)


def mailing_badge(mailing: Mailing, *, running: Attempt | None) -> str:
    """What a mailing is doing: a run that is going out now differs from one that comes on Tuesday, or is
    stuck.
    """
    state = Mailing.State(mailing.state)
    if state != Mailing.State.RUNNING:
        return badge(MAILING_KINDS.get(state, "idle"), state.label)
    if running is None:
        return badge("ok", _("on schedule"))
    if running.state == Attempt.State.RUNNING:
        return badge("live", _("sending now"))
    return badge(ATTEMPT_KINDS[running.state], Attempt.State(running.state).label)
