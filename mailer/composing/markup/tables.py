"""Data tables, as opposed to tables used for layout."""

from collections.abc import Iterable

from mailer.composing.markup.document import Event, Node
from mailer.composing.markup.elements import LAYOUT

_LONGEST_CELL = 40  # characters


def is_data_table(table: Node, events: Iterable[Event]) -> bool:
    """Whether its rows are read from left to right.

    It has headings, or several rows of equally many short cells, and no layout inside.
    """
    if (table.attribute("role") or "").lower() in {"presentation", "none"}:
        return False
    rows = [row for row in _descendants(table) if row.name == "tr"]
    cells = [[cell for cell in row.children if cell.name in {"td", "th"}] for row in rows]
    inner = [node for row in cells for cell in row for node in _descendants(cell)]
    if any(node.name == "table" for node in inner) or any(
        c.depth > c.parent.depth for r in cells for c in r if c.parent
    ):
        return False
    if max((len(row) for row in cells), default=0) < 2:
        return False
    if any(cell.name == "th" for row in cells for cell in row):
        return True
    alike = len({len(row) for row in cells}) == 1 and len(cells) > 1
    return alike and not any(node.name in LAYOUT for node in inner) and _short(table, events)


def _descendants(node: Node) -> list[Node]:
    found, rest = [], list(node.children)
    while rest:
        found.append(rest.pop())
        rest += found[-1].children
    return found


def _short(table: Node, events: Iterable[Event]) -> bool:
    sizes: dict[Node, int] = {}
    for event in events:
        if event.kind == "text" and event.node:
            for around in event.node.ancestors():
                if around.name in {"td", "th"}:
                    sizes[around] = sizes.get(around, 0) + len(event.text.strip())
                if around is table:
                    break
    mine = {node for node in _descendants(table) if node.name in {"td", "th"}}
    return all(size <= _LONGEST_CELL for cell, size in sizes.items() if cell in mine)
