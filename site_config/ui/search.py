from collections.abc import Iterable

from django.db import connection
from django.db.models import Q

SHORT = 3  # letters; an index of trigrams knows nothing of shorter texts but the beginnings of words


def contains(fields: Iterable[str], text: str) -> Q:
    """Match rows in which one of the fields contains text, whatever its case."""
    return _any(fields, text, "icontains")


def found(fields: Iterable[str], text: str) -> Q:
    """The same for very many rows: one or two letters are looked for at the beginning of words alone."""
    if len(text) >= SHORT:
        return contains(fields, text)
    return _any(fields, text, "istartswith") | _any(fields, f" {text}", "icontains")


def _any(fields: Iterable[str], text: str, lookup: str) -> Q:
    match = Q()
    for field in fields:
        for spelling in _spellings(text):
            match |= Q(**{f"{field}__{lookup}": spelling})
    return match


def _spellings(text: str) -> list[str]:
    """SQLite folds the case of ASCII letters only, so the usual spellings of other words are asked for."""
    if text.isascii() or connection.vendor == "postgresql":
        return [text]
    return sorted({text, text.lower(), text.upper(), text.title()})
