"""Who left, bounced or complained at another service, according to its file."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from mailer.audience.importing import columns
from mailer.models import Suppression

Reason = Suppression.Reason


class Stop(NamedTuple):
    """Why an address must not be mailed, and since when if the file says so."""

    reason: str
    since: datetime | None = None


class NotConfirmed(Exception):
    """The status says that this person never confirmed; str(error) is a sentence for people."""


_WORDS = {
    Reason.UNSUBSCRIBED: """
        unsubscribed; unsubscribe; unsub; opted out; opt out; optout; removed; inactive; disabled;
        deactivated; blocklisted; blacklisted; blocked; suppressed; do not contact; do not email; not
        subscribed; non subscribed; never subscribed; nonsubscribed; archived; deleted; globally
        unsubscribed; unsubscribed by admin; banned; stopped; on hold; paused; отписан; отписана;
        отписался; отписалась; отписавшийся; отписались; отписка; неактивен; неактивный; не активен;
        заблокирован; заблокирована; отключен; в черном списке; черный список; не беспокоить; удален;
        исключен; desabonne; abgemeldet; dado de baja; email disabled
    """,
    Reason.BOUNCED: """
        bounced; bounce; hard bounce; hard bounced; hardbounce; hardbounced; cleaned; undeliverable;
        undelivered; unreachable; invalid; error; nonexistent; non existent; does not exist; not found;
        invalid email; err user unknown; недоступен; недоставлено; не существует; ошибка; возврат;
        невалидный; недействительный; некорректный; not deliverable
    """,
    Reason.COMPLAINED: """
        complained; complaint; complainer; spam; junk; abuse; marked as spam; marked spam; spam complaint;
        spam report; spam reported; reported as spam; reported spam; reported; fbl; жалоба; жалоба на
        спам; пожаловался; пожаловалась; спам
    """,
    Reason.ADDED: "added by hand; added; manual; добавлен вручную",
}
_REASON = {" ".join(word.split()): reason for reason, words in _WORDS.items() for word in words.split(";")}
_UNCONFIRMED = {
    "unconfirmed", "not confirmed", "pending", "waiting", "awaiting confirmation", "not activated",
    "unverified", "не подтвержден", "неподтвержден", "неподтвержденный", "ожидает подтверждения", "ожидает",
    "не подтвердил",
}  # fmt: skip
_NO = {"false", "no", "n", "f", "0", "off", "never", "нет", "ложь", "non", "nein", "denied", "revoked"}
_NOTHING = _NO | {"", "-", "none", "null", "n a", "nan", "0 0", "not set"}


def stop_of(values: Mapping[str, list[str]]) -> Stop | None:
    """Why these columns' cells stop an address, the gravest reason first; raises NotConfirmed."""
    found: dict[str, datetime | None] = {}
    plain = {what: [columns.key(cell) for cell in cells] for what, cells in values.items()}
    for word in [*plain.get(columns.STATUS, ()), *plain.get(columns.STOPPED, ())]:
        if word in _UNCONFIRMED:
            raise NotConfirmed(_("This person has not yet confirmed at the other service (“%s”).") % word)
        if word in _REASON:
            found.setdefault(_REASON[word], None)
    if any(word in _REASON or word in _NO for word in plain.get(columns.AGREED, ())):
        found.setdefault(Reason.UNSUBSCRIBED, None)
    for what, reason in _FLAGS:
        for cell, word in zip(values.get(what, ()), plain.get(what, ()), strict=True):
            if word not in _NOTHING:
                found[reason] = moment(cell)
    for reason in (Reason.COMPLAINED, Reason.BOUNCED, Reason.UNSUBSCRIBED, Reason.ADDED):
        if reason in found:
            stated = [moment(cell) for cell in values.get(columns.LEFT_AT, ())]
            return Stop(reason, found[reason] or next(filter(None, stated), None))
    return None


_FLAGS = (
    (columns.COMPLAINED, Reason.COMPLAINED),
    (columns.BOUNCED, Reason.BOUNCED),
    (columns.LEFT, Reason.UNSUBSCRIBED),
)
_DAY = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{1,2})\.(\d{1,2})\.(\d{4})|(\d{1,2})/(\d{1,2})/(\d{4})"
)


def moment(text: str) -> datetime | None:
    """A date with or without a time, as other services write it; None if it is none, or in the future."""
    text = text.strip()
    try:
        found = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        day = _day(text)
        if day is None:
            return None
        found = datetime(day.year, day.month, day.day)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    try:
        return found if datetime(1990, 1, 1, tzinfo=UTC) < found <= timezone.now() else None
    except OverflowError:
        return None


def _day(text: str) -> date | None:
    match = _DAY.match(text)
    if match is None:
        return None
    year, month, day, day_2, month_2, year_2, one, two, year_3 = (int(part or 0) for part in match.groups())
    if year_3:  # only America puts the month first; if in doubt, do as there
        year, month, day = (year_3, one, two) if one <= 12 else (year_3, two, one)
    try:
        return date(year or year_2, month or month_2, day or day_2)
    except ValueError:
        return None
