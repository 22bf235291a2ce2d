"""A plain-text message as HTML: every character stays, addresses become links."""

import re
from collections import Counter
from collections.abc import Iterator

from django.utils.html import escape

from mailer.composing.markup.branches import branches, text_of
from mailer.composing.markup.liquid_tags import tags_of
from mailer.composing.markup.way_out import UNSUBSCRIBE_URL

_LIQUID = r"\{\{[^{}]*\}\}"
_NOT_IN_URL = r"\s<>\"«»“”„{}"  # typographic quotes stand around addresses, never in them
_ADDRESS = re.compile(
    rf"(?P<liquid>\{{\{{.*?\}}\}}|\{{%.*?%\}})|"
    rf"(?P<url>\bhttps?://(?:[^{_NOT_IN_URL}]|{_LIQUID})+)|"
    rf"(?P<www>(?<![\w@.])www\.(?:[^{_NOT_IN_URL}]|{_LIQUID})+)|"
    r"(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+)",
    re.DOTALL | re.IGNORECASE,
)
_UNSUBSCRIBE = re.compile(r"\{\{-?\s*unsubscribe_url\s*-?\}\}")
_AFTER = ".,:;!?'\"*…‘’。，、！？"
_PAIRS = {")": "(", "]": "[", "}": "{", ">": "<"}


def as_html(text: str) -> str:
    """Paragraphs and lines as in the text; Liquid tags stay where they are."""
    return "\n\n".join(
        f"<p>{_linked(part).replace(chr(10), '<br>')}</p>" if not _only_tags(part) else part
        for part in re.split(r"\n{2,}", text)
    )


def names_way_out(text: str) -> bool:
    """Whether the unsubscribe link is outside all conditions."""
    return all(UNSUBSCRIBE_URL.search(text_of(text, spans)) for spans in branches(text))


def links_in(text: str) -> Iterator[str]:
    """The addresses of pages that become links."""
    for match in _ADDRESS.finditer(text):
        if match["url"] or match["www"]:
            yield ("https://" if match["www"] else "") + _without_punctuation(match[0])[0]


def _only_tags(part: str) -> bool:
    """Whether a paragraph has nothing to show."""
    tags = tags_of(part)
    return bool(tags) and all(tag.name for tag in tags) and len(part.split()) > 0 and not _outside(part)


def _outside(part: str) -> str:
    position, rest = 0, ""
    for tag in tags_of(part):
        rest += part[position : tag.start]
        position = tag.end
    return (rest + part[position:]).strip()


def _linked(text: str) -> str:
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    position = 0
    for match in _ADDRESS.finditer(text):
        yield escape(text[position : match.start()])
        position = match.end()
        found = match[0]
        if match["liquid"]:
            yield f'<a href="{found}">{found}</a>' if _UNSUBSCRIBE.fullmatch(found) else found
            continue
        address, rest = (found, "") if match["email"] else _without_punctuation(found)
        scheme = "mailto:" if match["email"] else "https://" if match["www"] else ""
        yield f'<a href="{_escaped(scheme + address)}">{_escaped(address)}</a>{_escaped(rest)}'
    yield escape(text[position:])


def _escaped(text: str) -> str:
    """Escaped, but for the Liquid tags in it."""
    return "".join(
        part if part.startswith("{{") else escape(part) for part in re.split(rf"({_LIQUID})", text)
    )


def _without_punctuation(address: str) -> tuple[str, str]:
    """Without what belongs to the sentence around an address rather than to the address."""
    end = len(address)
    left = Counter(address)
    while end:
        last = address[end - 1]
        opening = _PAIRS.get(last)
        unpaired = opening and left[last] > left[opening]
        if not (last in _AFTER or (unpaired and last != "}")):
            break
        left[last] -= 1
        end -= 1
    return address[:end], address[end:]
