"""The demo's mailings, moved from the day they were written for to today."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from mailer.models import Mailing
from mailer.schedule import Schedule

ANCHOR = date(2026, 6, 10)  # "today" in fixtures/*.json
QUIET = timedelta(hours=2)  # nothing is due sooner than this after the demo is loaded
MOMENTS = {
    "people.user": ("date_joined",),
    "mailer.client": ("created_at",),
    "mailer.clientgroup": ("created_at",),
    "mailer.suppression": ("created_at",),
    "mailer.message": ("created_at", "updated_at"),
    "mailer.mailing": ("created_at", "paused_at", "disabled_at"),
    "mailer.attempt": ("started_at", "finished_at"),
    "mailer.delivery": ("next_try_at", "finished_at"),
    "content.article": ("created_at", "updated_at", "published_at"),
}
Row = dict[str, Any]


def moved_to(now: datetime, rows: list[Row]) -> list[Row]:
    """The fixtures' rows, in order, with every moment as far from `now` as it was from ANCHOR.

    A mailing keeps its wall-clock time, its runs fall on its schedule, and its next run is computed.
    """
    mover = _Mover(now)
    return [{**row, "fields": {**row["fields"], **mover.moments(row)}} for row in rows]


class _Mover:
    def __init__(self, now: datetime) -> None:
        self.now = now
        self.by = timedelta(days=(now.astimezone(UTC).date() - ANCHOR).days)
        self.schedules: dict[str, tuple[Schedule, Schedule]] = {}
        self.runs: dict[str, timedelta] = {}

    def moments(self, row: Row) -> Row:
        model, fields = row["model"], row["fields"]
        changed = self._mailing(fields) if model == "mailer.mailing" else {}
        by = self.by
        if model == "mailer.attempt":
            changed["scheduled_for"], by = self._run(fields)
        elif model == "mailer.delivery":
            by = self.runs[fields["attempt"][0]]
        kept = [name for name in MOMENTS.get(model, ()) if fields.get(name)]
        return changed | {name: datetime.fromisoformat(fields[name]) + by for name in kept}

    def _mailing(self, fields: Row) -> Row:
        zone = ZoneInfo(fields["time_zone"])
        old = Schedule(
            starts_at=datetime.fromisoformat(fields["starts_at"]),
            ends_at=datetime.fromisoformat(fields["ends_at"]) if fields["ends_at"] else None,
            period=fields["period"],
            zone=zone,
        )
        starts_at = self._moved(old.starts_at, zone)
        ends_at = self._moved(old.ends_at, zone) if old.ends_at else None
        new = Schedule(starts_at=starts_at, ends_at=ends_at, period=old.period, zone=zone)
        self.schedules[fields["form_key"]] = (old, new)
        next_run_at = new.next_after(self.now + QUIET)
        return {
            "starts_at": starts_at,
            "ends_at": ends_at,
            "next_run_at": next_run_at,
            "status": self._status(fields, new, next_run_at),
        }

    def _moved(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The same wall-clock time on another day."""
        return (moment.astimezone(zone).replace(tzinfo=None) + self.by).replace(tzinfo=zone).astimezone(UTC)

    def _status(self, fields: Row, schedule: Schedule, next_run_at: datetime | None) -> str:
        """What settling would yield; only a paused mailing has an unfinished run."""
        if next_run_at is None and not (fields["paused_at"] and fields["status"] == Mailing.Status.RUNNING):
            return Mailing.Status.FINISHED
        return Mailing.Status.RUNNING if schedule.starts_at <= self.now else Mailing.Status.CREATED

    def _run(self, fields: Row) -> tuple[datetime, timedelta]:
        """When the same run of the moved schedule is, and how much later that is."""
        before = datetime.fromisoformat(fields["scheduled_for"])
        old, new = self.schedules[fields["mailing"][0]]
        after = new.at(old.index_at(before))
        self.runs[fields["key"]] = after - before
        return after, after - before


def mailing_keys(rows: list[Row]) -> list[UUID]:
    return [UUID(row["fields"]["form_key"]) for row in rows if row["model"] == "mailer.mailing"]
