"""Which HTML an article may contain; everything else is removed before it is stored."""

import re

import nh3
from django.utils.html import strip_tags

from site_config.text import for_xml

_CLEANER = nh3.Cleaner(
    tags={
        "a", "blockquote", "br", "code", "em", "h2", "h3", "hr", "li", "ol", "p", "pre", "s", "strong",
        "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
    },
    clean_content_tags={
        "script", "style", "iframe", "object", "svg", "math", "noscript", "template", "title",
    },
    attributes={"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener",
)  # fmt: skip
_HEADINGS = (
    (re.compile(r"<(/?)h1\b", re.IGNORECASE), r"<\1h2"),
    (re.compile(r"<(/?)h[456]\b", re.IGNORECASE), r"<\1h3"),
)
_BREAKS = re.compile(r"</(?:p|h2|h3|li|td|th|tr|blockquote|pre)>|<br>|<hr>")


def clean_body(html: str) -> str:
    """Safe HTML: known tags, no scripts, styles, pictures or events; links only to the web and to mail."""
    html = for_xml(html)
    for found, heading in _HEADINGS:  # pasted text may bring one; the page's title is the only h1
        html = found.sub(heading, html)
    return _CLEANER.clean(html).strip()


def plain_text(html: str) -> str:
    """The words of a sanitised text, on one line."""
    text = strip_tags(_BREAKS.sub(" ", html))
    for entity, character in (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return " ".join(text.split())
