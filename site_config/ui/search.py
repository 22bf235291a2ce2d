from collections.abc import Iterable
from functools import reduce
from operator import or_

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
        place = Q()
        for spellings in _spellings(text):
            place &= reduce(or_, (Q(**{f"{field}__{lookup}": spelling}) for spelling in spellings))
        match |= place
    return match


def _spellings(text: str) -> list[list[str]]:
    """SQLite folds the case of ASCII letters only, so each other word is asked for in its usual spellings."""
    if text.isascii() or connection.vendor == "postgresql":
        return [[text]]
    margin = text[: len(text) - len(text.lstrip())]  # before the beginning of a word
    words = [margin + word for word in text.split()] or [text]
    return [sorted({word, word.lower(), word.upper(), word.title()}) for word in words]
