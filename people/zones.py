"""Time zones as people look for them: by city, with the offset; old names lead to today's."""

from datetime import UTC, date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from django.utils.translation import get_language, pgettext
from django.utils.translation import pgettext_lazy as city_name

# What the catalogue has a translation of; other cities are written as in the IANA database.
TRANSLATED = (
    city_name("city", "Almaty"), city_name("city", "Baku"), city_name("city", "Berlin"),
    city_name("city", "Bishkek"), city_name("city", "Chisinau"), city_name("city", "Dubai"),
    city_name("city", "Irkutsk"), city_name("city", "Istanbul"), city_name("city", "Kaliningrad"),
    city_name("city", "Kamchatka"), city_name("city", "Krasnoyarsk"), city_name("city", "Kyiv"),
    city_name("city", "London"), city_name("city", "Magadan"), city_name("city", "Minsk"),
    city_name("city", "Moscow"), city_name("city", "New York"), city_name("city", "Novosibirsk"),
    city_name("city", "Omsk"), city_name("city", "Paris"), city_name("city", "Samara"),
    city_name("city", "Tashkent"), city_name("city", "Tbilisi"), city_name("city", "Vladivostok"),
    city_name("city", "Yakutsk"), city_name("city", "Yekaterinburg"), city_name("city", "Yerevan"),
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
