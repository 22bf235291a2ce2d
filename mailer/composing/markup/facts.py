"""What a check needs to know about an author's HTML: where its links lead, and its pictures' texts."""

from typing import Any

from mailer.composing.markup.document import Document
from mailer.composing.markup.visibility import shown


def facts_of(document: Document) -> dict[str, Any]:
    """`links` with their addresses as browsers read them, and `pictures` with their alternative texts."""
    links = [node.attribute("href") or "" for node in document.nodes if node.name in {"a", "area"}]
    pictures = [
        (node.attribute("src") or "", node.attribute("alt"))
        for node in document.nodes
        if node.name == "img" and shown(node)
    ]
    return {"links": links, "pictures": pictures}
