"""When a mailing runs: pure functions of its start, end, period and zone."""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = {"daily": 1, "weekly": 7}
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # stands for all occurrences beyond datetime's range


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """What to do about a mailing that is due."""

    scheduled_for: datetime
    missed: int  # earlier runs that never happened
    next_run_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """The occurrences of one mailing.

    Occurrence k is the wall-clock start in the zone plus k periods, counted from the start itself: 31 January
    monthly is 28 February and then 31 March. A local time that a change of clocks skips moves forward by the
    gap; one that occurs twice is its first instance (PEP 495, fold=0). An occurrence at or after `ends_at`
    does not happen; without an end they go on. All datetimes are aware.
    """

    starts_at: datetime
    ends_at: datetime | None
    period: str
    zone: ZoneInfo

    def at(self, k: int) -> datetime:
        """Occurrence k in UTC, whether or not the end allows it; 31 December 9999 for all beyond 9998."""
        if k == 0:
            return self.starts_at.astimezone(UTC)
        try:
            if self.period == "monthly":
                local = _add_months(self._anchor, k)
            else:
                local = self._anchor + timedelta(days=_DAYS[self.period] * k)
            return min(local.replace(tzinfo=self.zone).astimezone(UTC), _NEVER)
        except OverflowError:
            return _NEVER

    def index_at(self, moment: datetime) -> int:
        """The number of the last occurrence not later than this moment; -1 before the start."""
        if moment < self.starts_at:
            return -1
        if self.period == "once":
            return 0
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        if self.period == "monthly":
            k = (local.year - self._anchor.year) * 12 + local.month - self._anchor.month
        else:
            k = (local - self._anchor).days // _DAYS[self.period]
        # Around clock changes and month ends the estimate is off by one or two.
        k = max(k, 0)
        while k > 0 and self.at(k) > moment:
            k -= 1
        while self.at(k + 1) <= moment:
            k += 1
        return k

    def next_after(self, moment: datetime) -> datetime | None:
        """The first occurrence later than this moment, or None if the mailing ends before it."""
        k = self.index_at(moment) + 1
        if k > 0 and self.period == "once":
            return None
        occurrence = self.at(k)
        return occurrence if occurrence < (self.ends_at or _NEVER) else None

    def latest(self, moment: datetime) -> datetime | None:
        """The last occurrence not later than this moment that the end allows, or None."""
        k = self.index_at(min(moment, (self.ends_at or _NEVER) - timedelta(microseconds=1)))
        return self.at(k) if k >= 0 else None

    def due(self, *, next_run_at: datetime, now: datetime) -> Due:
        """Combine all runs due from `next_run_at` to `now` into the latest of them."""
        latest = self.latest(now) or next_run_at
        scheduled_for = max(latest, next_run_at)
        missed = self.index_at(scheduled_for) - self.index_at(next_run_at)
        return Due(scheduled_for=scheduled_for, missed=max(missed, 0), next_run_at=self.next_after(now))

    @property
    def _anchor(self) -> datetime:
        return self.starts_at.astimezone(self.zone).replace(tzinfo=None)


def _add_months(day: datetime, months: int) -> datetime:
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year >= _NEVER.year:
        raise OverflowError
    last = calendar.monthrange(year, month0 + 1)[1]
    return day.replace(year=year, month=month0 + 1, day=min(day.day, last))
