"""Character references, decoded once and as a browser would (WHATWG HTML section 13.2.5.72)."""

import re
from html import unescape
from html.entities import html5

_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)")


def text_of(source: str) -> str:
    return unescape(source)


def value_of(source: str) -> str:
    """An attribute's value: `&copy=` and `&region` in an address are not references there."""
    return _REFERENCE.sub(_in_attribute, source) if "&" in source else source


def _in_attribute(match: re.Match[str]) -> str:
    reference = match[0]
    if reference.startswith("&#") or reference[1:] in html5:
        following = match.string[match.end() : match.end() + 1]
        if reference.endswith(";") or reference.startswith("&#") or following != "=":
            return unescape(reference)
        return reference
    return reference
