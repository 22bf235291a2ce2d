"""How a message in blocks is stored, and what one can do to it.

{"preheader": "…", "theme": {…}, "blocks": [{"id": "b1", "type": "heading", "text": "…"}, …]}

A block's values are what its author typed, valid or not: drafts are stored as they are. Blocks of type
“columns” have `columns`, a list of lists of blocks; nothing nests deeper.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Block = dict[str, Any]
Content = dict[str, Any]
Blocks = list[Block]

TYPES = (
    "heading", "text", "picture", "button", "columns", "quote",
    "divider", "spacer", "social", "footer", "raw",
)  # fmt: skip
MOST_BLOCKS = 120
MOST_COLUMNS = 3
LARGEST = 400_000  # characters of all that was typed
RATIOS = {"1-1": (50, 50), "1-2": (33, 67), "2-1": (67, 33), "1-1-1": (33, 33, 34)}
_ID = re.compile(r"b\d{1,5}")


class TooLarge(ValueError):
    """More blocks, or more in them, than a message may have."""


def empty() -> Content:
    return {"preheader": "", "theme": {}, "blocks": []}


def read(stored: Any) -> Content:
    """Stored data in its proper shape, whoever wrote it; what means nothing is left out."""
    stored = stored if isinstance(stored, dict) else {}
    theme = stored.get("theme")
    content = {
        "preheader": _text(stored.get("preheader")),
        "theme": {str(name): _text(value) for name, value in theme.items()}
        if isinstance(theme, dict)
        else {},
        "blocks": _blocks(stored.get("blocks"), nested=False),
    }
    check_size(content)
    return content


def _blocks(stored: Any, *, nested: bool) -> Blocks:
    found: Blocks = []
    for raw in stored if isinstance(stored, list) else []:
        if not isinstance(raw, dict) or raw.get("type") not in TYPES or (nested and raw["type"] == "columns"):
            continue
        block: Block = {str(name): _text(value) for name, value in raw.items() if name != "columns"}
        if not _ID.fullmatch(block.get("id", "")):
            continue
        if raw["type"] == "columns":
            given = raw.get("columns")
            columns = given if isinstance(given, list) else []
            block["columns"] = [_blocks(column, nested=True) for column in columns[:MOST_COLUMNS]]
            block["columns"] += [[] for _ in range(MOST_COLUMNS - len(block["columns"]))]
        found.append(block)
    return found


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, list | dict) else str(value)


def check_size(content: Content) -> None:
    """Raise TooLarge if there is more than a message may have."""
    found = list(walk(content["blocks"]))
    typed = sum(len(value) for block in found for value in block.values() if isinstance(value, str))
    if len(found) > MOST_BLOCKS or typed + len(content["preheader"]) > LARGEST:
        raise TooLarge


def walk(blocks: Blocks) -> Iterator[Block]:
    """All blocks, each before those in its columns."""
    for block in blocks:
        yield block
        for column in block.get("columns", ()):
            yield from walk(column)


def columns_of(block: Block) -> list[Blocks]:
    """The columns that its ratio shows."""
    shown: list[Blocks] = block["columns"][: len(RATIOS.get(block.get("ratio", ""), RATIOS["1-1"]))]
    return shown


def new_id(content: Content) -> str:
    numbers = [int(block["id"][1:]) for block in walk(content["blocks"])]
    return f"b{max(numbers, default=0) + 1}"


def _siblings(content: Content, block_id: str) -> tuple[Blocks, int] | None:
    """The list that a block is in, and its place there."""
    lists = [content["blocks"]]
    lists += [column for block in content["blocks"] for column in block.get("columns", ())]
    for blocks in lists:
        for place, block in enumerate(blocks):
            if block["id"] == block_id:
                return blocks, place
    return None


def add(content: Content, kind: str, *, after: str = "", column: str = "") -> str:
    """Put an empty block after another, or at the end of a column (“b3.0”); return its id."""
    if kind not in TYPES:
        return ""
    block: Block = {"id": new_id(content), "type": kind}
    if kind == "columns":
        block |= {"ratio": "1-1", "columns": [[] for _ in range(MOST_COLUMNS)]}
    parent, _dot, number = column.partition(".")
    if column:
        found = _siblings(content, parent)
        into = found[0][found[1]].get("columns", []) if found else []
        if kind != "columns" and number.isdecimal() and int(number[:3]) < len(into):
            into[int(number[:3])].append(block)
            return str(block["id"])
        return ""
    found = _siblings(content, after)
    if found and (kind != "columns" or found[0] is content["blocks"]):
        found[0].insert(found[1] + 1, block)
    else:
        content["blocks"].append(block)
    return str(block["id"])


def move(content: Content, block_id: str, by: int) -> None:
    """One place up (-1) or down (1) among its neighbours."""
    if found := _siblings(content, block_id):
        blocks, place = found
        if 0 <= place + by < len(blocks):
            blocks.insert(place + by, blocks.pop(place))


def put(content: Content, block_id: str, other_id: str) -> None:
    """Move a block to the place of another, possibly into a column or out of it."""
    found, target = _siblings(content, block_id), _siblings(content, other_id)
    if not found or not target or block_id == other_id:
        return
    blocks, place = found
    others, there = target
    is_columns = blocks[place]["type"] == "columns"
    if is_columns and others is not content["blocks"]:
        return
    block = blocks.pop(place)
    others.insert(min(there, len(others)), block)


def copy(content: Content, block_id: str) -> str:
    """A copy below the block; the copy's id."""
    found = _siblings(content, block_id)
    if not found:
        return ""
    blocks, place = found
    twin = deepcopy(blocks[place])
    blocks.insert(place + 1, twin)
    for block in walk([twin]):
        block["id"] = ""
    number = max(int(block["id"][1:]) for block in walk(content["blocks"]) if block["id"])
    for block in walk([twin]):
        number += 1
        block["id"] = f"b{number}"
    return str(twin["id"])


def delete(content: Content, block_id: str) -> None:
    if found := _siblings(content, block_id):
        found[0].pop(found[1])
