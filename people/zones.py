"""Time zones as people look for them: by city, with the offset; old names lead to today's."""

from datetime import UTC, date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from django.utils.translation import get_language, pgettext, pgettext_lazy

# What the catalogue has a translation of; other cities are written as in the IANA database.
TRANSLATED = (
    pgettext_lazy("city", "Almaty"), pgettext_lazy("city", "Baku"), pgettext_lazy("city", "Berlin"),
    pgettext_lazy("city", "Bishkek"), pgettext_lazy("city", "Chisinau"), pgettext_lazy("city", "Dubai"),
    pgettext_lazy("city", "Irkutsk"), pgettext_lazy("city", "Istanbul"), pgettext_lazy("city", "Kaliningrad"),
    pgettext_lazy("city", "Kamchatka"), pgettext_lazy("city", "Krasnoyarsk"), pgettext_lazy("city", "Kyiv"),
    pgettext_lazy("city", "London"), pgettext_lazy("city", "Magadan"), pgettext_lazy("city", "Minsk"),
    pgettext_lazy("city", "Moscow"), pgettext_lazy("city", "New York"), pgettext_lazy("city", "Novosibirsk"),
    pgettext_lazy("city", "Omsk"), pgettext_lazy("city", "Paris"), pgettext_lazy("city", "Samara"),
    pgettext_lazy("city", "Tashkent"), pgettext_lazy("city", "Tbilisi"), pgettext_lazy("city", "Vladivostok"),
    pgettext_lazy("city", "Yakutsk"), pgettext_lazy("city", "Yekaterinburg"),
    pgettext_lazy("city", "Yerevan"),
)  # fmt: skip


def _lines(name: str) -> list[list[str]]:
    text = (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


# One for each part of a country that has had a time of its own since 1970.
ZONES = [*sorted(words[2] for words in _lines("zone.tab")), "UTC"]


@cache
def _today_s_names() -> dict[str, str]:
    """Every zone by its name in small letters, by its city alone, and by the names it had before."""
    names = {zone.lower(): zone for zone in ZONES}
    links = {words[2]: words[1] for words in _lines("tzdata.zi") if words[0] == "L"}
    for old, new in links.items():
        if new in ZONES:
            names.setdefault(old.lower(), new)
    names |= {name.lower(): "UTC" for name, zone in links.items() if zone == "Etc/UTC"} | {"etc/utc": "UTC"}
    for name, zone in list(names.items()):
        names.setdefault(name.rpartition("/")[2], zone)
    return names


def zone_of(text: str) -> str:
    """The zone that somebody means; empty if there is none."""
    text = text.strip()
    names = _today_s_names()
    if zone := names.get(text.replace(" ", "_").lower()):
        return zone
    typed = text.partition(" (")[0].casefold()
    return next((zone for zone in ZONES if city_of(zone).casefold() == typed), "") if typed else ""


def city_of(zone: str) -> str:
    """The city that a zone is named after, in the reader's language where there is a name."""
    city = zone.rpartition("/")[2].replace("_", " ")
    return pgettext("city", city)


def choices() -> tuple[tuple[str, str], ...]:
    """Each zone with its city and today's offset, by city."""
    return _choices(get_language() or "", datetime.now(UTC).date())


@lru_cache(maxsize=8)
def _choices(_language: str, _day: date) -> tuple[tuple[str, str], ...]:
    shown = ((zone, f"{city_of(zone)} (UTC{_offset(zone)})" if zone != "UTC" else zone) for zone in ZONES)
    return tuple(sorted(shown, key=lambda choice: choice[1]))


def _offset(zone: str) -> str:
    """As in +05:30."""
    digits = f"{datetime.now(ZoneInfo(zone)):%z}"
    return f"{digits[:3]}:{digits[3:5]}"
