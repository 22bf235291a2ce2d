"""Rules indexed by what they are about, so that most are never tried on an element."""

from collections.abc import Callable
from typing import Any, NamedTuple

from cssselect2 import parser

from mailer.composing.markup.document import Node


class Declared(NamedTuple):
    name: str
    value: str
    important: bool


class Matched(NamedTuple):
    declarations: list[Declared]
    only_sometimes: bool  # depends on the reader's device: it can hide, but is not inlined


class _Entry(NamedTuple):
    specificity: tuple[int, ...]
    order: int
    around: frozenset[str]  # what must be around the element
    test: Callable[[Any], bool]
    matched: Matched


class RuleSet:
    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {}
        self._order = 0
        self._around: dict[Node, frozenset[str]] = {}

    def add(self, selector: Any, around: frozenset[str], matched: Matched) -> None:
        self._order += 1
        if selector.never_matches or selector.pseudo_element:
            return
        key = (
            f"#{selector.id}" if selector.id is not None
            else f".{selector.class_name}" if selector.class_name is not None
            else selector.lower_local_name or "*"
        )  # fmt: skip
        entry = _Entry(tuple(selector.specificity), self._order, around, selector.test, matched)
        self._entries.setdefault(key, []).append(entry)

    def matching(self, node: Node, wrapper: Any) -> list[Matched]:
        """What applies to an element, the weakest first."""
        around = self._marks_around(node)
        found = [
            entry
            for key in (*_marks(node), node.name, "*")
            for entry in self._entries.get(key, ())
            if entry.around <= around and entry.test(wrapper)
        ]
        found.sort(key=lambda entry: (entry.specificity, entry.order))
        return [entry.matched for entry in found]

    def _marks_around(self, node: Node) -> frozenset[str]:
        if node not in self._around:
            parent = node.parent
            self._around[node] = self._marks_around(parent) | set(_marks(parent)) if parent else frozenset()
        return self._around[node]


def _marks(node: Node) -> list[str]:
    attributes = node.element.attrib
    marks = [f".{name}" for name in dict.fromkeys(attributes.get("class", "").split())]
    return [*marks, f"#{attributes['id']}"] if "id" in attributes else marks


def wanted_around(node: Any) -> frozenset[str]:
    """The classes and ids that the selector requires of ancestors."""
    needs: set[str] = set()
    while isinstance(node, parser.CombinedSelector):
        if node.combinator not in {" ", ">"}:
            break
        node = node.left
        compound = node.right if isinstance(node, parser.CombinedSelector) else node
        for simple in compound.simple_selectors:
            if isinstance(simple, parser.ClassSelector):
                needs.add(f".{simple.class_name}")
            elif isinstance(simple, parser.IDSelector):
                needs.add(f"#{simple.ident}")
    return frozenset(needs)
