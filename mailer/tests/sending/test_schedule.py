"""When a mailing runs, over zones, changes of clocks, month ends and leap years."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.schedule import Schedule

pytestmark = pytest.mark.once

ZONES = [
    "UTC", "Europe/Moscow", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran", "Pacific/Chatham",
]  # fmt: skip
NEVER_ENDS = datetime(2200, 1, 1, tzinfo=UTC)

schedules = st.builds(
    lambda start, zone, period: Schedule(
        starts_at=start, ends_at=NEVER_ENDS, period=period, zone=ZoneInfo(zone)
    ),
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
    st.sampled_from(["daily", "weekly", "monthly"]),
)
moments = st.datetimes(datetime(1985, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC))


def daily(start: str, zone: str, period: str = "daily", ends_at: datetime = NEVER_ENDS) -> Schedule:
    """A schedule whose start is given on the zone's own clock."""
    local = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    return Schedule(starts_at=local.astimezone(UTC), ends_at=ends_at, period=period, zone=ZoneInfo(zone))


def clock(schedule: Schedule, k: int) -> str:
    return schedule.at(k).astimezone(schedule.zone).strftime("%Y-%m-%d %H:%M")


def test_nine_o_clock_stays_nine_across_both_changes_of_clocks():
    berlin = daily("2026-03-28 09:00", "Europe/Berlin")
    assert [clock(berlin, k) for k in range(3)] == [
        "2026-03-28 09:00", "2026-03-29 09:00", "2026-03-30 09:00",
    ]  # fmt: skip
    assert berlin.at(1) - berlin.at(0) == timedelta(hours=23)
    autumn = daily("2026-10-24 09:00", "Europe/Berlin")
    assert autumn.at(1) - autumn.at(0) == timedelta(hours=25)


def test_a_time_that_does_not_exist_moves_forward_and_comes_back():
    berlin = daily("2026-03-28 02:30", "Europe/Berlin")
    assert [clock(berlin, k) for k in range(3)] == [
        "2026-03-28 02:30", "2026-03-29 03:30", "2026-03-30 02:30",
    ]  # fmt: skip


def test_a_time_that_exists_twice_runs_once_at_its_first():
    berlin = daily("2026-10-24 02:30", "Europe/Berlin")
    assert berlin.at(1) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert berlin.next_after(berlin.at(1)) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_the_last_of_january_runs_on_the_last_of_february_and_then_on_the_31st_again():
    monthly = daily("2027-01-31 09:00", "Europe/Moscow", "monthly")
    assert [clock(monthly, k)[:10] for k in range(14)] == [
        "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30", "2027-07-31",
        "2027-08-31", "2027-09-30", "2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29",
    ]  # fmt: skip


def test_the_29th_of_february_yearly_by_twelve_months():
    monthly = daily("2028-02-29 12:00", "UTC", "monthly")
    assert [clock(monthly, k)[:10] for k in (0, 12, 48)] == ["2028-02-29", "2029-02-28", "2032-02-29"]


def test_a_day_that_a_zone_skipped_runs_once_on_the_next():
    """Samoa had no 30 December 2011: it moved across the date line."""
    samoa = daily("2011-12-29 09:00", "Pacific/Apia")
    assert clock(samoa, 1) == clock(samoa, 2) == "2011-12-31 09:00"
    assert samoa.next_after(samoa.at(1)) == samoa.at(3)


def test_once_has_one_occurrence():
    once = daily("2026-05-01 10:00", "UTC", "once")
    assert once.next_after(once.starts_at - timedelta(seconds=1)) == once.starts_at
    assert once.next_after(once.starts_at) is None
    assert once.latest(once.starts_at + timedelta(days=99)) == once.starts_at
    assert once.latest(once.starts_at - timedelta(seconds=1)) is None


def test_the_end_is_not_part_of_the_mailing():
    start = datetime(2026, 5, 1, 10, tzinfo=UTC)
    schedule = daily("2026-05-01 10:00", "UTC", ends_at=start + timedelta(days=2))
    assert schedule.next_after(start) == start + timedelta(days=1)
    assert schedule.next_after(start + timedelta(days=1)) is None
    assert schedule.latest(start + timedelta(days=9)) == start + timedelta(days=1)


@pytest.mark.parametrize(
    ("after_days", "scheduled_day", "missed"), [(0, 0, 0), (1, 1, 1), (4.5, 4, 4), (-0.1, 0, 0)]
)
def test_missed_runs_are_folded_into_the_latest(after_days, scheduled_day, missed):
    schedule = daily("2026-05-01 10:00", "UTC")
    start = schedule.starts_at
    due = schedule.due(next_run_at=start, now=start + timedelta(days=after_days))
    assert (due.scheduled_for, due.missed) == (start + timedelta(days=scheduled_day), missed)


def test_a_far_future_ends_without_an_error():
    schedule = daily("9998-12-30 10:00", "UTC", "monthly", datetime(9999, 12, 30, tzinfo=UTC))
    assert schedule.next_after(schedule.starts_at) is None or schedule.at(9999).year == 9999


@settings(max_examples=300)
@given(schedules, moments)
def test_next_and_latest_surround_every_moment(schedule: Schedule, moment: datetime):
    k = schedule.index_at(moment)
    following = schedule.next_after(moment)
    assert following is not None
    assert following > moment
    if moment < schedule.starts_at:
        assert (k, schedule.latest(moment), following) == (-1, None, schedule.starts_at)
    else:
        assert schedule.at(k) == schedule.latest(moment)
        assert schedule.at(k) <= moment < schedule.at(k + 1)


@settings(max_examples=300)
@given(schedules, st.integers(0, 400))
def test_occurrences_never_go_back_and_keep_their_wall_clock(schedule: Schedule, k: int):
    local = schedule.starts_at.astimezone(schedule.zone).replace(tzinfo=None)
    occurrence = schedule.at(k).astimezone(schedule.zone).replace(tzinfo=None)
    assert schedule.at(k) <= schedule.at(k + 1)
    # Only a gap moves it, forward, and never by more than the one day that Samoa skipped.
    if k and occurrence.time() != local.time():
        wanted = occurrence.replace(hour=local.hour, minute=local.minute, second=local.second)
        assert timedelta(0) < occurrence - wanted.replace(microsecond=local.microsecond) <= timedelta(hours=1)


@settings(max_examples=100)
@given(schedules, moments)
def test_walking_by_next_visits_each_occurrence_once(schedule: Schedule, moment: datetime):
    walked = []
    for _ in range(30):
        following = schedule.next_after(moment)
        assert following is not None
        walked.append(following)
        moment = following
    first = schedule.index_at(walked[0])
    expected = sorted({schedule.at(k) for k in range(first, first + 32)})[:30]
    assert walked == [at for at in expected if at >= walked[0]][:30]
