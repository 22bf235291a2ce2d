"""The text part of a mail, made from its HTML as a person would write it."""

import re
from dataclasses import dataclass, field

from mailer.composing.markup.document import Document, Event, Node
from mailer.composing.markup.elements import LINES, PARAGRAPHS, UNREAD
from mailer.composing.markup.liquid_tags import CLOSING, MIDDLE, OPENING, Tag, tags_of
from mailer.composing.markup.references import text_of, value_of
from mailer.composing.markup.tables import is_data_table
from mailer.composing.markup.text_writer import EMPTY_LINE, LINE, TextWriter
from mailer.composing.markup.visibility import shown

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u034f\u061c\u200b\u200e\u200f\u2060\ufeff"))
_WORD = re.compile(r"\S+|\s+")
_ONLY_JOINERS = re.compile("[\u200c\u200d]+")
_ESCAPE_FILTER = re.compile(r"'[^']*'|\"[^\"]*\"|\|\s*escape(?:_once)?\s*(?=[|}-])")
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_OPENER = re.compile(r"\{(?=[{%]|$)")
_WIDTH_OF_VALUE = 20
_FOLLOWED = re.compile(r"(?:https?|ftp|mailto|tel|sms):|\{\{|//", re.IGNORECASE)


@dataclass(slots=True)
class _Link:
    """An open link: `tail` is what its address adds after its words."""

    address: str
    words: list[str] = field(default_factory=list)
    tail: str | None = None  # for a link whose start differs between branches


@dataclass(slots=True)
class _Choice:
    """An open block, and the link that each of its branches leaves open."""

    entry: _Link | None
    parts: list[tuple[str, _Link | None]]
    case: str = ""


class TextPart:
    def __init__(self, document: Document) -> None:
        self._source = document.source
        self._out = TextWriter()
        self._link: _Link | None = None
        self._choices: list[_Choice] = []
        self._events = document.events
        self._tables: dict[Node, bool] = {}
        self._seen: dict[Node | None, bool] = {}

    def render(self, footer: list[str]) -> str:
        for index, event in enumerate(self._events):
            self._take(event, index)
        for number, line in enumerate(footer):
            self._out.indent = ""
            self._out.line(LINE if number else EMPTY_LINE)
            self._line_of_ours(line)
        return str(self._out)

    def _line_of_ours(self, line: str) -> None:
        position = 0
        for tag in tags_of(line):
            self._words(line[position : tag.start])
            self._output(line[tag.start : tag.end])
            position = tag.end
        self._words(line[position:])

    def _take(self, event: Event, index: int) -> None:
        if event.kind == "liquid" and event.token and event.token.liquid:
            self._liquid(event, event.token.liquid)
        elif not self._read(event.node):
            return
        elif event.kind == "text":
            self._text(event, index)
        elif event.node and event.kind == "open":
            self._open(event.node)
        elif event.node and event.kind == "close":
            self._close(event.node)

    def _read(self, node: Node | None) -> bool:
        if node not in self._seen:
            self._seen[node] = shown(node) and not any(
                around.name in UNREAD for around in (node.ancestors() if node else ())
            )
        return self._seen[node]

    # Events of the document

    def _open(self, node: Node) -> None:
        if node.name == "br":
            self._line_break(node)
        elif node.name == "img":
            self._picture(node)
        elif node.name == "hr":
            self._break(EMPTY_LINE)
            self._literal("-" * 40)
            self._break(EMPTY_LINE)
        elif node.name == "a":
            self._link = _Link(_address(node))
        elif node.name == "q":
            self._literal("“")
        elif node.name in {"td", "th"} and self._in_data_table(node):
            self._cell(node)
        else:
            self._around(node)
        if node.name == "li":
            self._item(node)

    def _picture(self, node: Node) -> None:
        if words := (node.attribute("alt") or "").strip():
            self._out.apart()
            self._words(words, node)
            self._out.apart()

    def _close(self, node: Node) -> None:
        if node.name == "a":
            self._end_link()
        elif node.name == "q":
            self._literal("”")
        elif node.name not in {"br", "img", "hr"}:
            if node.name == "li":
                self._out.marker = ""
            self._around(node, closing=True)

    def _around(self, node: Node, *, closing: bool = False) -> None:
        due = EMPTY_LINE if node.name in PARAGRAPHS else LINE if node.name in LINES else 0
        if node.style.get("display") in {"block", "table", "flex", "grid", "list-item"}:
            due = due or LINE
        if node.name in {"ul", "ol"} and any(n.name == "li" for n in node.ancestors() if n is not node):
            due = LINE
        if due:
            self._break(due, node)
        self._out.indent = _indent(node.parent if closing else node)

    def _inline(self, node: Node | None) -> bool:
        """Whether lines are not broken here, as in a row of a data table."""
        return node is not None and any(
            around.name in {"td", "th"} and self._in_data_table(around) for around in node.ancestors()
        )

    def _break(self, due: int, node: Node | None = None) -> None:
        if self._link or (node and node.name not in {"tr", "table"} and self._inline(node)):
            self._out.blank()
        else:
            self._out.line(due)

    def _line_break(self, node: Node) -> None:
        if self._link or self._inline(node):
            self._out.blank()
        else:
            self._out.line_break()

    def _in_data_table(self, cell: Node) -> bool:
        table = next((node for node in cell.ancestors() if node.name == "table"), None)
        if table is None:
            return False
        if table not in self._tables:
            self._tables[table] = is_data_table(table, self._events)
        return self._tables[table]

    def _cell(self, cell: Node) -> None:
        row = cell.parent
        if row and row.children and row.children[0] is not cell:
            self._out.blank()
            self._literal("|")
            self._out.blank()

    def _item(self, node: Node) -> None:
        marker = _marker(node)
        self._out.marker = marker

    def _text(self, event: Event, index: int) -> None:
        text = event.text
        before = self._events[index - 1] if index else None
        after = self._events[index + 1] if index + 1 < len(self._events) else None
        if before and before.kind == "liquid" and before.token and self._source[before.token.end - 3] == "-":
            text = text.lstrip()
        if after and after.kind == "liquid" and after.token and self._source[after.token.start + 2] == "-":
            text = text.rstrip()
        self._words(text_of(text), event.node)

    def _words(self, text: str, node: Node | None = None) -> None:
        """The author's text, or ours with Liquid tags in it."""
        text = text.translate(_INVISIBLE)
        if self._link:
            self._link.words.append(text)
        if node and any(around.name in {"pre", "listing"} for around in node.ancestors()):
            self._preformatted(text)
            return
        for word in _WORD.findall(text):
            if word.isspace():
                self._out.blank()
            elif not _ONLY_JOINERS.fullmatch(word):
                self._literal(word)

    def _preformatted(self, text: str) -> None:
        for number, line in enumerate(text.split("\n")):
            if number:
                self._out.line_break()
            if line.strip():
                self._literal(line.rstrip())

    def _literal(self, text: str) -> None:
        self._out.add(_OPENER.sub("{{ '{' }}", text), len(text))

    # Liquid

    def _liquid(self, event: Event, tag: Tag) -> None:
        text = _without_dashes(self._source[tag.start : tag.end])
        if not tag.name:
            if self._read(event.node):
                self._output(text)
        elif tag.name in OPENING:
            self._out.control(text, tag.name)
            self._choices.append(_Choice(self._link, [], text if tag.name == "case" else ""))
            if tag.name != "case":
                self._choices[-1].parts.append((text, None))
        elif tag.name in MIDDLE and self._choices:
            choice = self._choices[-1]
            self._leave_branch(choice)
            self._out.control(text, tag.name)
            choice.parts.append((choice.case + text, None))
            choice.case, self._link = "", choice.entry
        elif tag.name in CLOSING and self._choices:
            choice = self._choices.pop()
            self._leave_branch(choice)
            self._out.control(text, tag.name)
            self._link = _merged(choice, text)

    def _leave_branch(self, choice: _Choice) -> None:
        if choice.parts:
            choice.parts[-1] = choice.parts[-1][0], self._link

    def _output(self, tag: str) -> None:
        tag = _ESCAPE_FILTER.sub(lambda match: "" if match[0].startswith("|") else match[0], tag)
        tag = _LITERAL.sub(_decoded, tag)
        if self._link:
            self._link.words.append(tag)
        self._out.add(tag, 100 if "unsubscribe_url" in tag else _WIDTH_OF_VALUE)

    # Links

    def _end_link(self) -> None:
        link, self._link = self._link, None
        if not link:
            return
        if link.tail is not None:
            self._out.join()
            self._out.add(link.tail, len(link.address))
            self._out.apart()
            return
        words = " ".join("".join(link.words).split())
        if not link.address:
            return
        if words in {link.address, link.address.removesuffix("/")}:
            self._out.apart()
            return
        blank = self._out.join()
        if words:
            if not words.endswith(":"):
                self._out.add(":")
            self._out.blank()
        self._out.add(_written(link.address), _width(link.address))
        self._out.apart()
        if blank:
            self._out.blank()


def _merged(choice: _Choice, end: str) -> _Link | None:
    """The link that is open after a block: none if any branch has closed it."""
    links = [link for _, link in choice.parts]
    exhaustive = any(re.match(r"\{%\s*else\b", tag) for tag, _ in choice.parts)
    if not exhaustive:
        links.append(choice.entry)
    if all(link is links[0] for link in links):
        return links[0]
    if choice.entry and None in links:
        return None
    tail = "".join(tag + _tail(link) for tag, link in choice.parts) + end
    longest = max((link.address for link in links if link), key=len, default="")
    return _Link(longest, tail=tail)


def _tail(link: _Link | None) -> str:
    if link is None or not link.address:
        return ""
    return link.tail if link.tail is not None else f": {_written(link.address)}"


def _written(address: str) -> str:
    """An address, in which only our own Liquid tags are live."""
    pieces: list[str] = []
    position = 0
    for tag in tags_of(address):
        pieces += (_OPENER.sub("{{ '{' }}", address[position : tag.start]), address[tag.start : tag.end])
        position = tag.end
    return "".join((*pieces, _OPENER.sub("{{ '{' }}", address[position:])))


def _width(address: str) -> int:
    return 100 if "{{" in address else len(address)


def _address(node: Node) -> str:
    """A link's target, as one can type it; empty if only a browser could follow it."""
    attribute = node.token.attribute("href")
    value = (attribute.value if attribute else "") or ""
    pieces: list[str] = []
    position = 0
    for tag in tags_of(value):
        pieces += (_typed(value[position : tag.start]), _without_dashes(value[tag.start : tag.end]))
        position = tag.end
    address = "".join((*pieces, _typed(value[position:]))).strip()
    address = re.sub(r"^(%20)+|(%20)+$", "", address)
    if not _FOLLOWED.match(address) and not re.match(r"[^#\s:]+\.[^\s]+|/|\{%", address):
        return ""
    return re.sub(r"^(?:mailto|tel|sms):(?=[^?]*$)", "", address, flags=re.IGNORECASE)


def _typed(value: str) -> str:
    return re.sub(r"[\t\n\r]+", "", value_of(value)).replace(" ", "%20")


def _without_dashes(tag: str) -> str:
    return re.sub(r"^(\{[{%])-|-([}%]\})$", r"\1\2", tag)


def _decoded(match: re.Match[str]) -> str:
    """A string in a Liquid tag, decoded: it is HTML, because the author wrote it there."""
    quote, text = match[0][0], text_of(match[0][1:-1])
    return match[0] if quote in text or re.search(r"[{%}]", text) else f"{quote}{text}{quote}"


def _indent(node: Node | None) -> str:
    indent = ""
    for around in reversed(list(node.ancestors()) if node else []):
        if around.name == "blockquote":
            indent += "> "
        elif around.name == "li":
            indent += " " * len(_marker(around))
        elif around.name == "dd":
            indent += "  "
    return indent


def _marker(item: Node) -> str:
    """A bullet, or a number where it is the same for everybody."""
    parent = item.parent
    items = [node for node in parent.children if node.name == "li"] if parent else []
    if not parent or parent.name != "ol" or any(node.depth > parent.depth for node in items):
        return "* "
    number = _number(parent.attribute("start"), 1)
    for before in items[: items.index(item) + 1]:
        number = _number(before.attribute("value"), number)
        if before is not item:
            number += 1
    return f"{number}. "


def _number(written: str | None, otherwise: int) -> int:
    return int(written) if written and re.fullmatch(r"-?\d{1,6}", written) else otherwise
