"""What each kind of recipient gets of a source, read by itself."""

from bisect import bisect_right
from itertools import accumulate

from mailer.composing.markup.document import Document
from mailer.composing.markup.liquid_tags import Span, tags_of, variants
from mailer.composing.markup.tokens import COMMENT, END, START, BadMarkup, Token

MOST_READ = 600_000  # characters in all branches together
Cut = tuple[str, str, int, tuple[int, ...]]


def branches(source: str) -> list[list[Span]]:
    """The parts of a source that remain for each choice; fewer choices for a large one."""
    tags = tags_of(source)
    if not any(tag.name for tag in tags):
        return [[(0, len(source))]]
    found: list[list[Span]] = []
    size = 0
    for spans in variants(tags, len(source)):
        size += sum(end - start for start, end in spans)
        if found and size > MOST_READ:
            break
        found.append(spans)
    return found


def text_of(source: str, spans: list[Span]) -> str:
    return "".join(source[start:end] for start, end in spans)


def read_alone(document: Document) -> list[Document]:
    """Each branch as a document; raises BadMarkup unless it has the same tags as in the whole source."""
    source = document.source
    spans_of_branches = branches(source)
    if len(spans_of_branches) == 1 and spans_of_branches[0] == [(0, len(source))]:
        return [document]
    cuts = [_cut(token) for token in document.tokens if token.kind in {START, END, COMMENT}]
    return [_alone(source, spans, cuts) for spans in spans_of_branches]


def _alone(source: str, spans: list[Span], cuts: list[Cut]) -> Document:
    span_starts = [start for start, _ in spans]
    starts = [0, *accumulate(end - start for start, end in spans)][:-1]

    def inside(position: int) -> bool:
        index = bisect_right(span_starts, position) - 1
        return index >= 0 and position < spans[index][1]

    def place(position: int) -> int:
        index = bisect_right(starts, position) - 1
        return spans[index][0] + position - starts[index] if spans else position

    try:
        alone = Document(text_of(source, spans))
    except BadMarkup as error:
        raise BadMarkup("branch", place(error.position)) from error
    expected = [
        (kind, name, at, tuple(filter(inside, marks))) for kind, name, at, marks in cuts if inside(at)
    ]
    found = [
        (kind, name, place(at), tuple(map(place, marks)))
        for kind, name, at, marks in map(_cut, alone.tokens)
        if kind in {START, END, COMMENT}
    ]
    _compare(expected, found)
    return alone


def _compare(expected: list[Cut], found: list[Cut]) -> None:
    for wanted, got in zip(expected, found, strict=False):
        if wanted != got:
            raise BadMarkup("branch", min(wanted[2], got[2]))
    if len(expected) != len(found):
        shorter = min(len(expected), len(found))
        raise BadMarkup("branch", max(expected, found, key=len)[shorter][2])


def _cut(token: Token) -> Cut:
    return token.kind, token.name, token.start, tuple(attribute.start for attribute in token.attributes)
