"""A mail compiled into pieces of bytes with slots, so that each recipient costs one join."""

import re
from binascii import b2a_qp
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from operator import itemgetter

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from markupsafe import escape

LONGEST_LINE = 998  # octets (RFC 5321 section 4.5.3.1.6)
_SPECIAL = re.compile("[&<>'\"]")
_NEWLINE = re.compile(r"\r\n|\r|\n")
Encode = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Field:
    """A slot for one merge value, plain or escaped for HTML."""

    name: str
    html: bool


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    """A slot that Liquid has to evaluate: a filter or a tag."""

    node: Node
    template: BoundTemplate

    def render(self, values: Mapping[str, str]) -> str:
        template = self.template
        context: RenderContext = template.context_class(template, globals=template.make_globals(values))
        buffer = StringIO()
        self.node.render(context, buffer)
        return buffer.getvalue()


Slot = Field | Logic
Segment = str | Slot


def segments(template: BoundTemplate) -> list[Segment]:
    """The template, split at its merge fields."""
    html = bool(template.env.autoescape)
    return [_segment(node, template, html=html) for node in template.nodes]


def settled(parts: Iterable[Segment], constants: Mapping[str, str]) -> list[Segment]:
    """The same, where fields that have one value for everybody are text already."""
    found: list[Segment] = []
    for part in parts:
        known = isinstance(part, Field) and part.name in constants
        text = value_of(part, constants) if known and not isinstance(part, str) else part
        if found and isinstance(found[-1], str) and isinstance(text, str):
            found[-1] += text
        else:
            found.append(text)
    return found


def fill(parts: Sequence[Segment], values: dict[str, str]) -> str:
    return "".join([part if isinstance(part, str) else value_of(part, values) for part in parts])


def value_of(slot: Slot, values: Mapping[str, str]) -> str:
    """One recipient's value for this slot; raises LiquidError if a filter cannot take it."""
    if isinstance(slot, Logic):
        return slot.render(values)
    value = values[slot.name]
    return str(escape(value)) if slot.html else value


def _segment(node: Node, template: BoundTemplate, *, html: bool) -> Segment:
    if isinstance(node, ContentNode):
        return node.text
    if isinstance(node, OutputNode) and isinstance(node.expression, FilteredExpression):
        path = node.expression.left
        if not node.expression.filters and isinstance(path, Path) and len(path.path) == 1:
            name = path.path[0]
            if isinstance(name, str):
                return Field(name, html)
    return Logic(node, template)


def plain(text: str) -> bytes:
    """UTF-8 with CRLF line ends, for an 8-bit transport."""
    return (_NEWLINE.sub("\r\n", text) if "\n" in text or "\r" in text else text).encode()


def quoted_printable(text: str) -> bytes:
    """RFC 2045 section 6.7, with CRLF line ends."""
    encoded: bytes = b2a_qp(_NEWLINE.sub("\n", text).encode(), istext=True)
    return encoded.replace(b"\n", b"\r\n")


def fits(content: bytes) -> bool:
    """Whether content may be sent unencoded: no line is too long, no octet forbidden (RFC 6152)."""
    return max(map(len, content.split(b"\r\n"))) <= LONGEST_LINE and b"\0" not in content


class MimeTemplate:
    """What is the same for everybody, with its slots: first those of the head, then the body's."""

    def __init__(self, *, encode: Encode, soft_break: bytes) -> None:
        self._encode = encode
        self._soft_break = soft_break  # keeps a slot's lines apart from its neighbours'
        self._pieces: list[bytes] = []
        self._head_slots = 0
        self._slots: list[Slot] = []

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece.replace(b"%", b"%%"))

    def add_head_slot(self) -> None:
        """A slot in the head; they are filled in the order in which they were added."""
        self._pieces.append(b"%b")
        self._head_slots += 1

    def add_body(self, parts: Iterable[Segment]) -> None:
        for part in parts:
            if isinstance(part, str):
                self.add(self._encode(part))
            else:
                self._pieces += (self._soft_break, b"%b", self._soft_break)
                self._slots.append(part)

    def close(self, *, tail: bytes = b"") -> None:
        """Number the slots: the head's, plain fields, escaped ones, and those that Liquid evaluates.

        `tail`: what follows for everybody, in short lines.
        """
        self._tail = tail
        self._template = b"".join(self._pieces)
        self._fields = list(dict.fromkeys(slot.name for slot in self._slots if isinstance(slot, Field)))
        self._logic = list(dict.fromkeys(slot for slot in self._slots if isinstance(slot, Logic)))
        order: list[Slot] = [Field(name, html) for html in (False, True) for name in self._fields]
        order += self._logic
        numbers = [self._head_slots + order.index(slot) for slot in self._slots]
        self._in_order = itemgetter(*range(self._head_slots), *numbers)
        empty = self._template % ((b"",) * (self._head_slots + len(self._slots)))
        self._size, self._longest = len(empty), max(map(len, empty.split(b"\r\n")))

    def fill(self, values: dict[str, str], head: tuple[bytes, ...]) -> tuple[bytes, bool]:
        """One recipient's mail, and whether it may be sent unencoded.

        Raises LiquidError if a filter cannot take its values.
        """
        encode = self._encode
        filled, escaped = [*head], []
        for name in self._fields:
            value = values[name]
            encoded = encode(value)
            filled.append(encoded)
            escaped.append(encode(str(escape(value))) if _SPECIAL.search(value) else encoded)
        filled += escaped
        for slot in self._logic:
            filled.append(encode(slot.render(values)))
        content = self._template % self._in_order(filled)
        # Most mails are known to fit without checking their lines: even all values on the longest line would.
        most = self._longest + len(content) - self._size - sum(map(len, head))
        right = (most <= LONGEST_LINE and b"\0" not in content) or fits(content)
        return (content + self._tail if self._tail else content), right
