"""Dates and numbers in a message's language: `{{ signed_up | date: "long" }}`, `{{ points | number }}`."""

from datetime import date
from functools import lru_cache
from typing import Any

from django.utils import translation
from django.utils.formats import date_format, number_format
from liquid.exceptions import FilterArgumentError

# As people write them: where a language has names for months, they are not spared.
_DATES = {
    "en": {"long": "j F Y", "short": "j M Y", "day": "j F", "month": "F Y", "weekday": "l", "year": "Y"},
    "ru": {"long": "j E Y", "short": "d.m.Y", "day": "j E", "month": "F Y", "weekday": "l", "year": "Y"},
}
DATE_STYLES = tuple(_DATES["en"])
MOST_DECIMALS = 6


def date_filter(value: Any, style: Any = "long") -> Any:
    """A date in one of DATE_STYLES; what is no date stays as it is."""
    if style not in DATE_STYLES:
        known = ", ".join(DATE_STYLES)
        raise FilterArgumentError(f"there is no date format “{style}”; there are {known}", token=None)
    raw = getattr(value, "typed", None)
    return _date(raw, style, value.language) if isinstance(raw, str) and raw else value


@lru_cache(maxsize=4096)
def _date(raw: str, style: str, language: str) -> str:
    try:
        day = date.fromisoformat(raw)
    except ValueError:
        return raw
    with translation.override(language):
        text = date_format(day, _DATES.get(language, _DATES["en"])[style])
    return text.lower() if language == "ru" else text


def number_filter(value: Any, decimals: Any = None) -> Any:
    """A number with thousands separators, and as many decimals as asked for; others stay as they are."""
    if decimals is not None and not (type(decimals) is int and 0 <= decimals <= MOST_DECIMALS):
        raise FilterArgumentError(f"a number has 0 to {MOST_DECIMALS} decimals", token=None)
    raw = getattr(value, "typed", None)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return value
    return _number(raw, decimals, value.language)


@lru_cache(maxsize=4096)
def _number(raw: float, decimals: int | None, language: str) -> str:
    with translation.override(language):
        return number_format(raw, decimal_pos=decimals, use_l10n=True, force_grouping=True)
