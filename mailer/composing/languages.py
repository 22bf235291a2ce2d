"""Which language a message is written in, as far as what is added to it must know."""

import re

_NO_WORDS = re.compile(
    r"<style\b.*?</style\s*>|<script\b.*?</script\s*>|<!--.*?-->|\{\{.*?\}\}|\{%.*?%\}|<[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)


def language_of(body: str) -> str:
    """“ru” or “en”, by the letters of its words."""
    letters = _NO_WORDS.sub("", body)
    cyrillic = len(re.findall(r"[а-яё]", letters, re.IGNORECASE))
    return "ru" if cyrillic > len(re.findall(r"[a-z]", letters, re.IGNORECASE)) else "en"
