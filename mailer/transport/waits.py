"""How long a server asks us to wait, in its own words: "try again in 300 seconds", "until 14:00 UTC"."""

import re
from datetime import UTC, datetime, time, timedelta, timezone

LONGEST = 24 * 3600
NEAR = 48  # characters before a time in which a word must say that it is a wait

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "с": 1, "м": 60, "ч": 3600}
_DURATION = re.compile(
    r"(?<![\w.:])(?:(\d{1,2}):([0-5]\d):([0-5]\d)|(\d{1,6}|an?|one|a few) ?"
    r"(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|секунд\w?|минут\w?|час(?:а|ов)?))(?![\w.:])"
)
_WAIT = re.compile(
    r"\b(?:again|retry|retried|wait|back|resend|later|delay|delayed|gr[ea]y|greylist(?:ed|ing)?"
    r"|graylist(?:ed|ing)?|blocked|block|deferred|after|for|через)\b"
)
_LEFT = re.compile(r"\W{1,3}(?:left|remaining|until|before)\b")
_UNTIL = re.compile(
    r"\b(?:until|till|after|before|resets? at) (?:(\d{4})-(\d\d)-(\d\d)[t ])?"
    r"([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?(?:\.\d{1,9})? ?(utc|gmt|z|[+-]\d\d:?\d\d)?"
)
_PERIODS = (
    (re.compile(r"\bdaily|\bper day\b|\ba day\b|\b24[ -]hours?\b|\btoday\b|\bday's\b"), 4 * 3600),
    (re.compile(r"\bhourly|\bper hour\b|\ban hour\b"), 3600),
    (re.compile(r"\bper minute\b"), 60),
)


def wait_named(text: str) -> int | None:
    """The seconds that the answer names as a duration, at most a day."""
    text = " ".join(text.split()).lower()
    for found in _DURATION.finditer(text):
        before = text[max(0, found.start() - NEAR) : found.start()]
        if _WAIT.search(before) or _LEFT.match(text, found.end()):
            return max(1, min(_seconds(found), LONGEST))
    return None


def names_a_time(text: str) -> bool:
    """Whether the answer names a time of day, so that the wait depends on the clock."""
    return _moment(text, datetime.now(UTC)) is not None


def wait_until(text: str, *, now: datetime | None = None) -> int | None:
    """The seconds to the time of day that the answer names, at most a day."""
    now = now or datetime.now(UTC)
    moment = _moment(text, now)
    if moment is None:
        return None
    return max(1, min(int((moment - now).total_seconds()), LONGEST))


def wait_for_period(text: str) -> int | None:
    """A share of the period a quota is counted over, since a rolling quota frees up bit by bit."""
    text = text.lower()
    return next((seconds for pattern, seconds in _PERIODS if pattern.search(text)), None)


def _seconds(found: re.Match[str]) -> int:
    hours, minutes, seconds, number, unit = found.groups()
    if hours is not None:
        return int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    count = int(number) if number.isdigit() else 5 if number == "a few" else 1
    return count * _UNITS[unit[0]]


def _moment(text: str, now: datetime) -> datetime | None:
    found = _UNTIL.search(" ".join(text.split()).lower())
    if not found:
        return None
    year, month, day, hour, minute, zone = found.groups()
    if year is None and zone is None:
        return None  # the clock's zone is unknown
    try:
        clock = time(int(hour), int(minute), tzinfo=_zone(zone or "utc"))
        if year is not None:
            return datetime.combine(datetime(int(year), int(month), int(day)), clock)
    except ValueError:
        return None
    moment = datetime.combine(now.astimezone(clock.tzinfo), clock)
    return moment if moment > now else moment + timedelta(days=1)


def _zone(name: str) -> timezone:
    if name in ("utc", "gmt", "z"):
        return UTC
    minutes = int(name[1:3]) * 60 + int(name[-2:])
    return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))
