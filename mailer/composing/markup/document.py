"""A document's elements as a tree beside its source, and what happens in it, in order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree.ElementTree import Element  # nosec B405

from mailer.composing.markup.elements import BUTTON_SCOPE, CLOSES_P, TABLE_PARTS, VOID
from mailer.composing.markup.liquid_tags import CLOSING, MIDDLE, OPENING, Tag, is_balanced
from mailer.composing.markup.references import value_of
from mailer.composing.markup.tokens import COMMENT, END, LIQUID, RAW, START, TEXT, Token, Tokenizer

# What an element's start closes, and where that search ends.
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr", "td", "th", "caption", "colgroup"}), frozenset({"table"})),
    "option": (frozenset({"option"}), frozenset({"select", "optgroup", "datalist"})),
    "optgroup": (frozenset({"option", "optgroup"}), frozenset({"select"})),
    "a": (frozenset({"a"}), frozenset({"td", "th", "table", "caption"})),
    **{
        name: (TABLE_PARTS | {"tr", "td", "th"}, frozenset({"table"}))
        for name in ("thead", "tbody", "tfoot", "colgroup")
    },
}


@dataclass(eq=False, slots=True)
class Node:
    """An element: where it begins, and how many conditions it is under."""

    name: str
    token: Token
    parent: "Node | None"
    depth: int  # of Liquid blocks around it
    element: Element
    guarded: bool  # inside <!--[if …]><!--> … <!--<![endif]-->
    children: list["Node"] = field(default_factory=list)
    style: dict[str, str] = field(default_factory=dict)
    hidden: bool = False

    def attribute(self, name: str) -> str | None:
        """Its value as a browser reads it."""
        found = self.token.attribute(name)
        return None if found is None else value_of(found.value or "")

    @property
    def dynamic(self) -> bool:
        """Whether the matching rules depend on the recipient."""
        return any(
            a.name in {"class", "id"} and (a.conditional or "{" in (a.value or ""))
            for a in self.token.attributes
        )

    def ancestors(self) -> Iterator["Node"]:
        node: Node | None = self
        while node:
            yield node
            node = node.parent


class Event(NamedTuple):
    """open, close, text, liquid or branch; `node` is the element or the one around it."""

    kind: str
    node: Node | None
    token: Token | None
    text: str = ""


class Document:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens: list[Token] = []
        self.events: list[Event] = []
        self.nodes: list[Node] = []
        self.root = Element("html")
        self.guards = self.blocks = 0
        self._stack: list[Node] = []
        self._saved: list[list[Node]] = []
        self.body_end: tuple[int, list[Node]] | None = None
        tokenizer = Tokenizer(source)
        for token in tokenizer:
            self.tokens.append(token)
            self._take(token)
            if token.kind in {COMMENT, RAW} and not is_balanced(tags := tokenizer.tags_in(token)):
                self._blocks_across(tags)
        self.unclosed = self._stack

    def _take(self, token: Token) -> None:
        if token.kind == START:
            self._start(token)
        elif token.kind == END:
            self._end(token)
        elif token.kind == LIQUID and token.liquid:
            self._liquid(token, token.liquid)
        elif token.kind == COMMENT:
            self._guard(self.source[token.start : token.end].lower())
        elif token.kind in {TEXT, RAW}:
            kind = "text" if token.kind == TEXT else "raw"
            self._event(kind, token, self.source[token.start : token.end])

    def _event(self, kind: str, token: Token | None = None, text: str = "") -> None:
        self.events.append(Event(kind, self._stack[-1] if self._stack else None, token, text))

    def _start(self, token: Token) -> None:
        name = token.name
        if name in CLOSES_P:
            self._close_in_scope(frozenset({"p"}), BUTTON_SCOPE)
        if name in _ENDS:
            self._close_in_scope(*_ENDS[name])
        parent = self._stack[-1] if self._stack else None
        element = Element(name, _plain_attributes(token))
        if name == "html" and not self.nodes:
            self.root = element
        else:
            (parent.element if parent else self.root).append(element)
        node = Node(name, token, parent, self.blocks, element, self.guards > 0)
        if parent:
            parent.children.append(node)
        self.nodes.append(node)
        self._stack.append(node)
        self._event("open", token)
        if name in VOID or (":" in name and self.source[token.end - 2] == "/"):
            self._pop()

    def _pop(self) -> None:
        self._event("close")
        self._stack.pop()

    def _close_in_scope(self, names: frozenset[str], scope: frozenset[str]) -> None:
        """Close the outermost of these that is open within the scope."""
        outermost = None
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index].name in scope:
                break
            if self._stack[index].name in names:
                outermost = index
        while outermost is not None and len(self._stack) > outermost:
            self._pop()

    def _end(self, token: Token) -> None:
        name = token.name
        if name in {"body", "html"}:
            if (self.body_end is None and not self.blocks) or (name == "body" and not self.blocks):
                self.body_end = token.start, list(self._stack)
            return
        fences = {"table"} if name in TABLE_PARTS | {"tr", "td", "th"} else {"td", "th", "table", "caption"}
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index].name == name:
                while len(self._stack) > index:
                    self._pop()
                return
            if self._stack[index].name in fences:
                return

    def _liquid(self, token: Token, tag: Tag) -> None:
        """Each branch begins where its block does; what follows continues from the last branch."""
        if tag.name in OPENING:
            self._event("liquid", token)
            self._saved.append(list(self._stack))
            self.blocks += 1
        elif tag.name in MIDDLE and self._saved:
            self._stack = list(self._saved[-1])
            self._event("liquid", token)
        elif tag.name in CLOSING and self._saved:
            self._saved.pop()
            self.blocks -= 1
            self._event("liquid", token)
        else:
            self._event("liquid", token)

    def _blocks_across(self, tags: list[Tag]) -> None:
        """Blocks that begin in one comment and end in another, as some editors need them."""
        for tag in tags:
            if tag.name in OPENING | MIDDLE | CLOSING:
                self._liquid(Token(LIQUID, tag.start, tag.end, tag.name, liquid=tag), tag)

    def _guard(self, comment: str) -> None:
        """Downlevel-revealed conditions, in both spellings."""
        if comment.startswith(("<!--[if", "<![if")) and "<![endif]" not in comment:
            self.guards += 1
        elif "<![endif]" in comment and not comment.startswith("<!--[if"):
            self.guards = max(0, self.guards - 1)


def _plain_attributes(token: Token) -> dict[str, str]:
    """What selectors can rely on for every recipient; of two alike, the first counts."""
    found: dict[str, str] = {}
    for attribute in token.attributes:
        if not attribute.conditional and "{" not in (attribute.value or ""):
            found.setdefault(attribute.name, value_of(attribute.value or ""))
    return found
