"""What a check wants to know of an author's HTML: where its links lead, and what its pictures say."""

from typing import Any

from mailer.composing.markup.document import Document
from mailer.composing.markup.styles import shown


def facts_of(document: Document) -> dict[str, Any]:
    """`links` as browsers read their addresses, and `pictures` with their alternative text or none."""
    links = [node.attribute("href") or "" for node in document.nodes if node.name in {"a", "area"}]
    pictures = [
        (node.attribute("src") or "", node.attribute("alt"))
        for node in document.nodes
        if node.name == "img" and shown(node)
    ]
    return {"links": links, "pictures": pictures}
