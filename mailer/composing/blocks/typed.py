"""What people type, as HTML: nothing of it becomes markup, and merge fields stay as they are."""

import re
from html import unescape

import nh3
from markupsafe import escape

from mailer.composing.markup.liquid_tags import tags_of

LONGEST_ADDRESS = 2_000  # characters
DEEPEST = 40  # nesting of a rich text
_CLEANER = nh3.Cleaner(
    tags={"a", "br", "em", "li", "ol", "p", "s", "strong", "sub", "sup", "u", "ul", "h2", "h3", "blockquote"},
    clean_content_tags={
        "script", "style", "iframe", "object", "svg", "math", "noscript", "template", "title", "xml",
    },
    attributes={"a": {"href", "title"}},
    url_schemes={"http", "https", "mailto", "tel"},
    link_rel=None,
)  # fmt: skip
_BOLD = (
    (re.compile(r"<(/?)b(?=[\s>])", re.IGNORECASE), r"<\1strong"),
    (re.compile(r"<(/?)i(?=[\s>])", re.IGNORECASE), r"<\1em"),
    (re.compile(r"<(/?)h1(?=[\s>])", re.IGNORECASE), r"<\1h2"),
    (re.compile(r"<(/?)h[456](?=[\s>])", re.IGNORECASE), r"<\1h3"),
)
_ADDRESS = re.compile(r"https?://\S+|mailto:\S+|tel:[\d+() -]+|\{\{[^{}]*\}\}\S*", re.IGNORECASE)
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_ELEMENT = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_ALONE = frozenset({"br", "hr", "img", "input", "meta", "link"})


def words(text: str, *, lines: bool = False) -> str:
    """Text in which every character stands for itself, except merge fields."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return _around_tags(text, lambda part: _lines(str(escape(part)), lines=lines))


def _lines(text: str, *, lines: bool) -> str:
    return text.replace("\n", "<br>" if lines else " ")


def address(text: str) -> str:
    """A link's target as an attribute value; empty unless it is web, mail or phone."""
    text = _INVISIBLE.sub("", text).strip()
    if not is_address(text):
        return ""
    return _around_tags(text, lambda part: str(escape(part)))


def is_address(text: str) -> bool:
    if len(text) > LONGEST_ADDRESS:  # the patterns below are slow on excessive input
        return False
    text = re.sub(r"\{\{.*?\}\}", "{{ x }}", text)
    return bool(_ADDRESS.fullmatch(text.replace("{{ x }}", "{{x}}")))


def rich(html: str) -> str:
    """Paragraphs, lists, links and emphasis; anything else that was pasted is removed or becomes text."""
    if not html.strip():
        return ""
    if too_deep(html):
        return words(re.sub(r"<[^<>]*>", " ", html))
    if "<" not in html:
        html = "".join(f"<p>{part}</p>" for part in re.split(r"\n\s*\n", html) if part.strip())
    for found, name in _BOLD:
        html = found.sub(name, html)
    return _unescaped_in_tags(_CLEANER.clean(html.replace("\x00", "")).strip())


def too_deep(html: str) -> bool:
    depth = deepest = 0
    for ending, name in _ELEMENT.findall(html):
        if name.lower() not in _ALONE:
            depth = max(0, depth + (-1 if ending else 1))
            deepest = max(deepest, depth)
    return deepest > DEEPEST


def _around_tags(text: str, escaped: object) -> str:
    pieces, position = [], 0
    for tag in tags_of(text):
        pieces += [escaped(text[position : tag.start]), _harmless(text[tag.start : tag.end], tag.name)]  # type: ignore[operator]
        position = tag.end
    return "".join([*pieces, escaped(text[position:])])  # type: ignore[operator]


def _harmless(tag: str, name: str) -> str:
    """A literal in a merge field is output as it is, so it must not be markup either."""
    if name == "comment":
        return ""
    tag = tag.replace("\n", " ")
    return tag if name else tag.replace("<", "&lt;").replace(">", "&gt;")


def _unescaped_in_tags(html: str) -> str:
    """Merge fields typed into an HTML editor, unescaped for Liquid."""
    pieces, position = [], 0
    for tag in tags_of(html):
        inside = html[tag.start : tag.end].replace("&nbsp;", " ").replace("\xa0", " ")
        inside = unescape(inside) if tag.name else inside.replace("&quot;", "'")
        pieces += [html[position : tag.start], inside]
        position = tag.end
    return "".join([*pieces, html[position:]])
