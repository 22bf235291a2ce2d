"""Where Liquid tags are in a source, and what is left of it once every condition is decided."""

import re
from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

OPENING, MIDDLE, CLOSING = (
    frozenset({"if", "unless", "case"}),
    frozenset({"else", "elsif", "when"}),
    frozenset({"endif", "endunless", "endcase"}),
)
MOST_VARIANTS = 24
_TAG = re.compile(r"\{\{.*?\}\}|\{%-?\s*(#|\w*).*?%\}", re.DOTALL)
_END_OF_RAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")

Span = tuple[int, int]


class Tag(NamedTuple):
    """`name` is empty for an output; a whole comment block counts as one tag."""

    start: int
    end: int
    name: str


def tags_of(source: str) -> list[Tag]:
    """All Liquid tags of a source in which each is closed; what stands in a raw block is text."""
    found: list[Tag] = []
    depth = start = position = 0
    while match := _TAG.search(source, position):
        position = match.end()
        name = match[1] or ""
        if name == "comment":
            depth += 1
            start = match.start() if depth == 1 else start
        elif name == "endcomment" and depth:
            depth -= 1
            if not depth:
                found.append(Tag(start, match.end(), "comment"))
        elif not depth:
            found.append(Tag(match.start(), match.end(), name))
            if name == "raw" and (end := _END_OF_RAW.search(source, position)):
                found.append(Tag(end.start(), end.end(), "endraw"))
                position = end.end()
    return found


def is_balanced(tags: Sequence[Tag]) -> bool:
    """Whether all blocks begin and end among these tags."""
    depth = 0
    for tag in tags:
        depth += (tag.name in OPENING) - (tag.name in CLOSING)
        if depth < 0 or (not depth and tag.name in MIDDLE):
            return False
    return not depth


class _Block:
    def __init__(self, tag: Tag, depth: int) -> None:
        self.depth = depth
        self.options = 0 if tag.name == "case" else 1
        self.exhaustive = False


def variants(tags: Sequence[Tag], length: int) -> Iterator[list[Span]]:
    """The parts of a source that remain, for enough choices to see every branch of every block.

    Conditions at the same depth are decided alike: most pairs of them ask the same.
    """
    control = [tag for tag in tags if tag.name]
    blocks = _blocks(control)
    deepest = max((block.depth for block in blocks), default=-1)
    most = [max(block.options for block in blocks if block.depth == depth) for depth in range(deepest + 1)]
    strides = [prod(most[:depth]) for depth in range(deepest + 1)]
    for number in range(min(prod(most), MOST_VARIANTS)):
        chosen = [number // strides[block.depth] % block.options for block in blocks]
        yield _kept(control, chosen, length)


def _blocks(control: Sequence[Tag]) -> list[_Block]:
    blocks: list[_Block] = []
    open_blocks: list[_Block] = []
    for tag in control:
        if tag.name in OPENING:
            blocks.append(_Block(tag, len(open_blocks)))
            open_blocks.append(blocks[-1])
        elif tag.name in MIDDLE and open_blocks:
            open_blocks[-1].options += 1
            open_blocks[-1].exhaustive |= tag.name == "else"
        elif tag.name in CLOSING and open_blocks:
            block = open_blocks.pop()
            block.options += not block.exhaustive
    return blocks


def _kept(control: Sequence[Tag], chosen: list[int], length: int) -> list[Span]:
    spans: list[Span] = []
    stack: list[list[int]] = []  # for each open block: the chosen branch and the current one
    position, number, live = 0, 0, True
    for tag in control:
        if live and position < tag.start:
            spans.append((position, tag.start))
        position = tag.end
        if tag.name in OPENING:
            stack.append([chosen[number], -1 if tag.name == "case" else 0])
            number += 1
        elif tag.name in MIDDLE and stack:
            stack[-1][1] += 1
        elif tag.name in CLOSING and stack:
            stack.pop()
        live = all(wanted == current for wanted, current in stack)
    if live and position < length:
        spans.append((position, length))
    return spans
