"""What is added to the author's source; nothing is ever removed."""

from collections.abc import Iterator
from itertools import zip_longest

from mailer.composing.markup.document import Document
from mailer.composing.markup.styles import Inlined, compute
from mailer.composing.markup.tokens import (
    COMMENT,
    END,
    RAW,
    START,
    Attribute,
    BadMarkup,
    Token,
    Tokenizer,
)  # fmt: skip

Edit = tuple[int, str]


def inlining(document: Document) -> list[Edit]:
    """The style attributes that repeat the style sheets, and quotes around values that need them."""
    inlined = compute(document)
    edits: list[Edit] = []
    for node in document.nodes:
        for attribute in node.token.attributes:
            if not attribute.quote and "{{" in (attribute.value or "") and attribute.name != "style":
                edits += [(attribute.value_start, '"'), (attribute.value_end, '"')]
        if node in inlined:
            edits += _style_edits(node.token, inlined[node])
    return edits


def _style_edits(token: Token, add: Inlined) -> Iterator[Edit]:
    """For each style attribute that the tag may have, or for one of our own."""
    own = [attribute for attribute in token.attributes if attribute.name == "style"]
    if not own:
        text = _escaped(" ".join(filter(None, (add.before, add.after))), '"')
        yield token.attributes_end, f' style="{text}"'
    for attribute in own if any(a.conditional for a in own) else own[:1]:
        yield from _merged(attribute, add)


def _merged(attribute: Attribute, add: Inlined) -> Iterator[Edit]:
    quote = attribute.quote or '"'
    value = (attribute.value or "").strip()
    before = _escaped(add.before, quote) + (" " if add.before and value else "")
    after = _escaped(add.after, quote)
    if after and value:
        after = (" " if value.endswith(";") else "; ") + after
    opening = "" if attribute.quote else '"' if attribute.value is not None else '="'
    closing = "" if attribute.quote else '"'
    yield attribute.value_start, opening + before
    yield attribute.value_end, after + closing


def _escaped(text: str, quote: str) -> str:
    text = text.replace("&", "&amp;")
    return text.replace('"', "&quot;") if quote == '"' else text.replace("'", "&#39;")


def check_kept(document: Document, html: str, added: Edit | None) -> None:
    """Raise BadMarkup unless the result has the author's tags and comments, and what was added."""
    position, text = added or (len(document.source) + 1, "")
    before = [token for token in document.tokens if token.start < position]
    after = document.tokens[len(before) :]
    ours = list(Tokenizer(text))
    wanted = [*_outline(document.source, before), *_outline(text, ours), *_outline(document.source, after)]
    found = _outline(html, list(Tokenizer(html)))
    for expected, got in zip_longest(wanted, found):
        if expected is None or got is None or expected[1:] != got[1:]:
            raise BadMarkup("lost", expected[0] if expected else 0)


def _outline(source: str, tokens: list[Token]) -> list[tuple[int, str, str, list[str] | str]]:
    outline: list[tuple[int, str, str, list[str] | str]] = []
    for token in tokens:
        if token.kind in {START, END}:
            names = [attribute.name for attribute in token.attributes if attribute.name != "style"]
            outline.append((token.start, token.kind, token.name, names))
        elif token.kind in {COMMENT, RAW}:
            text = source[token.start : token.end]
            if token.kind == COMMENT and not token.closed:
                text += "-->" if text.startswith("<!--") else ">"
            outline.append((token.start, token.kind, token.name, text))
    return outline


def apply(source: str, edits: list[Edit]) -> str:
    """The source with the edits applied; raises AssertionError if it would not all be kept."""
    pieces: list[str] = []
    position = 0
    for at, text in sorted(edits, key=lambda edit: edit[0]):
        pieces += (source[position:at], text)
        position = at
    pieces.append(source[position:])
    if "".join(pieces[::2]) != source:
        raise AssertionError("a part of the source was lost")
    return "".join(pieces)
