"""The language of a message, as far as what we add to it must match."""

import re

from django.utils.translation import get_language

_NO_WORDS = re.compile(
    # What is not closed extends to the end, as in browsers; so each character is examined once.
    r"<style\b.*?(?:</style\s*>|\Z)|<script\b.*?(?:</script\s*>|\Z)|<!--.*?(?:-->|\Z)"
    r"|\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)|<[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)


def language_of(body: str) -> str:
    """“ru” or “en”, by the letters of its words."""
    letters = _NO_WORDS.sub("", body)
    if not any(map(str.isalpha, letters)):  # a draft that is still empty: as its author reads the site
        return "ru" if (get_language() or "").startswith("ru") else "en"
    cyrillic = len(re.findall(r"[а-яё]", letters, re.IGNORECASE))
    return "ru" if cyrillic > len(re.findall(r"[a-z]", letters, re.IGNORECASE)) else "en"
