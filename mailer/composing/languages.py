"""Which language a message is written in, as far as what is added to it must know."""

import re

_NO_WORDS = re.compile(
    # What is not closed goes to the end, as browsers read it; and so each letter is looked at once.
    r"<style\b.*?(?:</style\s*>|\Z)|<script\b.*?(?:</script\s*>|\Z)|<!--.*?(?:-->|\Z)"
    r"|\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)|<[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)


def language_of(body: str) -> str:
    """“ru” or “en”, by the letters of its words."""
    letters = _NO_WORDS.sub("", body)
    cyrillic = len(re.findall(r"[а-яё]", letters, re.IGNORECASE))
    return "ru" if cyrillic > len(re.findall(r"[a-z]", letters, re.IGNORECASE)) else "en"
