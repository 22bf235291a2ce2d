"""What a mailing's form will do, in a sentence and on its button, while it is filled in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from mailer.models import Mailing
from mailer.schedule import Schedule
from site_config.ui.counting import UpTo
from site_config.ui.tables import MOMENT

FIELDS = ("starts_at", "ends_at", "period", "time_zone")
WEEKDAYS = (
    pgettext_lazy("every week on", "Monday"),
    pgettext_lazy("every week on", "Tuesday"),
    pgettext_lazy("every week on", "Wednesday"),
    pgettext_lazy("every week on", "Thursday"),
    pgettext_lazy("every week on", "Friday"),
    pgettext_lazy("every week on", "Saturday"),
    pgettext_lazy("every week on", "Sunday"),
)
YEARS = (1970, 9000)  # beyond these, a change of zone could leave the calendar


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A valid schedule, and how many addresses it reaches now."""

    schedule: Schedule
    recipients: UpTo
    now: bool

    @property
    def next_run(self) -> datetime | None:
        return self.schedule.next_after(timezone.now())

    @property
    def sentence(self) -> str:
        """When it runs, in the mailing's own time zone."""
        parts = [self._rhythm()]
        if self.schedule.period != "once" and self.schedule.ends_at:
            parts.append(_("Until %(end)s.") % {"end": self._local(self.schedule.ends_at)})
        if self.now:
            parts.append(_("The first run starts as soon as you save."))
        if self.schedule.period != "once" and self.next_run:
            parts.append(_("Next run: %(moment)s.") % {"moment": self._local(self.next_run)})
        return " ".join(parts)

    @property
    def button(self) -> str:
        if self.now:
            text = ngettext("Send now to %(count)s person", "Send now to %(count)s people", self.recipients)
            return text % {"count": self.recipients.shown}
        if self.next_run is None:
            return _("Save")
        return _("Schedule for %(moment)s") % {"moment": self._local(self.next_run)}

    def _rhythm(self) -> str:
        start = self.schedule.starts_at.astimezone(self.schedule.zone)
        words = {
            "once": _("Once, on %(moment)s (%(zone)s)."),
            "daily": _("Every day at %(time)s (%(zone)s)."),
            "weekly": _("Every week on %(day)s at %(time)s (%(zone)s)."),
            "monthly": _("Every month on day %(number)s at %(time)s (%(zone)s)."),
        }
        return words[self.schedule.period] % {
            "moment": self._local(start),
            "time": formats.date_format(start, "H:i"),
            "day": WEEKDAYS[start.weekday()],
            "number": start.day,
            "zone": self.schedule.zone.key,
        }

    def _local(self, moment: datetime) -> str:
        return formats.date_format(moment.astimezone(self.schedule.zone), str(MOMENT))


def plan_of(form: Any, *, recipients: UpTo) -> Plan | None:
    """The plan of a form while it is filled in; None if its dates are not valid yet."""
    try:
        values = {name: form.fields[name].clean(form[name].value()) for name in FIELDS}
    except ValidationError:
        return None
    start, end = values["starts_at"], values["ends_at"]
    if start is None or not YEARS[0] < start.year < YEARS[1] or (end and end <= start):
        return None
    schedule = Schedule(
        starts_at=start,
        ends_at=end,
        period=values["period"],
        zone=ZoneInfo(values["time_zone"]),
    )
    due = _starts_at_once(form.instance, schedule)
    return Plan(schedule=schedule, recipients=recipients, now=due)


def _starts_at_once(mailing: Mailing, schedule: Schedule) -> bool:
    """Whether saving opens a run: it is due, and has not had that run."""
    now = timezone.now()
    latest = schedule.latest(now)
    if latest is None or (schedule.ends_at and schedule.ends_at <= now):
        return False
    return not (mailing.pk and mailing.attempts.filter(scheduled_for__gte=latest).exists())
