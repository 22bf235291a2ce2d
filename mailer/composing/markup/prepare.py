"""From the author's HTML to the two parts of the mail, still with its Liquid tags."""

from typing import Any

from mailer.composing.markup import edits
from mailer.composing.markup.branches import branches, read_alone, text_of
from mailer.composing.markup.document import Document
from mailer.composing.markup.facts import facts_of
from mailer.composing.markup.styles import compute
from mailer.composing.markup.text_part import TextPart
from mailer.composing.markup.tokens import BadMarkup
from mailer.composing.markup.way_out import UNSUBSCRIBE_URL, footer_place, has_way_out, nodes_that_matter


def prepare(*, source: str, footer_html: str, footer_text: list[str]) -> dict[str, Any]:
    """`html`, `text` and `facts` about both, or the `problem` and its `position` in the source."""
    try:
        return _prepare(source, footer_html, footer_text)
    except BadMarkup as error:
        return {"problem": error.problem, "position": error.position}


def _prepare(source: str, footer_html: str, footer_text: list[str]) -> dict[str, Any]:
    document = Document(source)
    alone = read_alone(document)
    changes = edits.inlining(document)
    own = has_way_out(document) and (alone == [document] or all(map(_shows_way_out, alone)))
    footer = None if own else _footer(document, footer_html)
    html = edits.apply(source, [*changes, footer] if footer else changes)
    edits.check_kept(document, html, footer)
    if footer and not all(_place_alone(branch) + footer_html == footer[1] for branch in alone):
        _check_again(html)
    text = TextPart(document).render([] if own else footer_text)
    if own and not _names_way_out(text):
        text = TextPart(document).render(footer_text)
    return {"html": html, "text": text, "facts": {**facts_of(document), "own_way_out": own}}


def _footer(document: Document, footer_html: str) -> edits.Edit:
    position, endings = footer_place(document)
    return position, endings + footer_html


def _shows_way_out(document: Document) -> bool:
    compute(document, nodes_that_matter(document))
    return has_way_out(document)


def _place_alone(branch: Document) -> str:
    compute(branch, set(branch.body_end[1] if branch.body_end else branch.unclosed))
    return footer_place(branch)[1]


def _check_again(html: str) -> None:
    """The footer's surroundings differ between branches: is it visible in each?"""
    if not all(map(_shows_way_out, read_alone(Document(html)))):
        raise BadMarkup("way out", 0)


def _names_way_out(text: str) -> bool:
    return all(UNSUBSCRIBE_URL.search(text_of(text, spans)) is not None for spans in branches(text))
