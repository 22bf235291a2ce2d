from collections.abc import Iterable

from django.db.models import Q


def contains(fields: Iterable[str], text: str) -> Q:
    """Match rows in which one of the fields contains text, whatever its case.

    SQLite folds the case of ASCII letters only, so the usual spellings of other words are asked for.
    """
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    match = Q()
    for field in fields:
        for spelling in sorted(spellings):
            match |= Q(**{f"{field}__icontains": spelling})
    return match
