"""Whether everybody sees the unsubscribe link, and where to add it if not."""

import re

from mailer.composing.markup.document import Document, Event, Node
from mailer.composing.markup.references import text_of
from mailer.composing.markup.tokens import RAW, BadMarkup
from mailer.composing.markup.visibility import shown, stands_out

MEDIA = frozenset({"video", "audio", "canvas", "svg"})
TABLE = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th", "colgroup", "caption"})
UNSUBSCRIBE_URL = re.compile(r"\{\{-?\s*unsubscribe_url\s*(?:\|\s*(?:escape|escape_once|strip)\s*)*-?\}\}")
_BLANK = re.compile(r"[\s\u00ad\u034f\u115f\u1160\u200b-\u200f\u2060-\u2064\u2800\u3164\ufeff]*")
_UNSEEN = MEDIA | {"noscript", "head", "title", "textarea", "select", "template", "object", "iframe", "map"}
_MUST_END = frozenset(
    {"a", "button", "select", "template", "object", "map", "details", "dialog", "pre", "head"}
)
_MUST_END |= MEDIA | TABLE


def has_way_out(document: Document) -> bool:
    """Whether a visible link to the unsubscribe page is outside all conditions."""
    links = way_outs(document)
    if not links:
        return False
    return any(
        link in links and (event.kind == "open" or stands_out(event.node, link))
        for event in document.events
        if event.node and _is_something(event) and shown(event.node, always=True)
        for link in event.node.ancestors()
    )


def way_outs(document: Document) -> set[Node]:
    return {node for node in document.nodes if _is_way_out(node)}


def nodes_that_matter(document: Document) -> set[Node]:
    """The elements whose style decides whether the link is visible."""
    links = way_outs(document)
    inside = {node for node in document.nodes if any(around in links for around in node.ancestors())}
    return inside.union(*(link.ancestors() for link in links))


def _is_way_out(node: Node) -> bool:
    if node.name != "a" or node.depth or any(a.name in _UNSEEN or a.guarded for a in node.ancestors()):
        return False
    links = [attribute for attribute in node.token.attributes if attribute.name == "href"]
    value = (links[0].value or "").strip() if links and not links[0].conditional else ""
    return bool(UNSUBSCRIBE_URL.fullmatch(value)) and not _unsure(node)


def _unsure(node: Node) -> bool:
    """Whether the style of the link, or of what is around it, depends on the recipient."""
    return any(
        attribute.conditional or "{" in (attribute.value or "")
        for around in node.ancestors()
        for attribute in around.token.attributes
        if attribute.name in {"style", "class", "id", "hidden"}
    )


def _is_something(event: Event) -> bool:
    """Words, or a picture that is more than a point."""
    if event.kind == "text":
        return _BLANK.fullmatch(text_of(event.text)) is None
    node = event.node
    if event.kind != "open" or node is None or node.name != "img" or not node.attribute("src"):
        return False
    return not any((node.attribute(side) or "").strip() in {"0", "1"} for side in ("width", "height"))


def footer_place(document: Document) -> tuple[int, str]:
    """The end of the body, and what must be closed there so that nothing hides a footer."""
    if document.body_end:
        position, around = document.body_end
        return position, ("<!--<![endif]-->" if document.guards else "") + _endings(around)
    return len(document.source), _unfinished(document) + _endings(document.unclosed)


def _endings(around: list[Node]) -> str:
    for index, node in enumerate(around):
        if node.name in {"html", "body"}:
            if node.hidden or node.style.get("visibility") == "hidden":
                raise BadMarkup("way out", node.token.start)
            continue
        if node.name in _MUST_END or node.hidden or not shown(node, always=True):
            names = [inner.name for inner in reversed(around[index:])]
            return "".join(f"</{name}>" for name in names if name not in {"html", "body"})
    return ""


def _unfinished(document: Document) -> str:
    """What closes a comment or a raw text that the author left open at the very end."""
    last = document.tokens[-1] if document.tokens else None
    if not last or last.closed:
        return "<!--<![endif]-->" if document.guards else ""
    if last.kind == RAW:
        return f"</{last.name}>"
    return "-->" if document.source.startswith("<!--", last.start) else ">"
