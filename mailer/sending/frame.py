"""A mail compiled into pieces of bytes with holes, so that a recipient costs one join."""

import re
from binascii import b2a_qp
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from markupsafe import escape

from mailer.sending.merge import MERGE_FIELDS

LONGEST_LINE = 998  # octets (RFC 5321 section 4.5.3.1.6)
_NEWLINE = re.compile(r"\r\n|\r|\n")
Encode = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Field:
    """A hole that one merge value fills, as it is or escaped for HTML."""

    name: str
    html: bool


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    """A hole that Liquid has to work out: a filter or a tag."""

    node: Node
    template: BoundTemplate

    def render(self, values: dict[str, str]) -> str:
        template = self.template
        context: RenderContext = template.context_class(template, globals=template.make_globals(values))
        buffer = StringIO()
        self.node.render(context, buffer)
        return buffer.getvalue()


Hole = Field | Logic
Segment = str | Hole


def segments(template: BoundTemplate) -> list[Segment]:
    """The template cut at its merge fields."""
    html = bool(template.env.autoescape)
    return [_segment(node, template, html=html) for node in template.nodes]


def fill(parts: Sequence[Segment], values: dict[str, str]) -> str:
    return "".join(part if isinstance(part, str) else value_of(part, values) for part in parts)


def value_of(hole: Hole, values: dict[str, str]) -> str:
    """What one recipient has in this hole; LiquidError if a filter cannot take the value."""
    if isinstance(hole, Logic):
        return hole.render(values)
    value = values[hole.name]
    return str(escape(value)) if hole.html else value


def _segment(node: Node, template: BoundTemplate, *, html: bool) -> Segment:
    if isinstance(node, ContentNode):
        return node.text
    if isinstance(node, OutputNode) and isinstance(node.expression, FilteredExpression):
        path = node.expression.left
        if not node.expression.filters and isinstance(path, Path) and len(path.path) == 1:
            name = path.path[0]
            if isinstance(name, str) and name in MERGE_FIELDS:
                return Field(name, html)
    return Logic(node, template)


def plain(text: str) -> bytes:
    """UTF-8 with CRLF line ends, for a transport of eight bits."""
    return (_NEWLINE.sub("\r\n", text) if "\n" in text or "\r" in text else text).encode()


def quoted_printable(text: str) -> bytes:
    """RFC 2045 section 6.7, with CRLF line ends."""
    encoded: bytes = b2a_qp(_NEWLINE.sub("\n", text).encode(), istext=True)
    return encoded.replace(b"\n", b"\r\n")


def fits(content: bytes) -> bool:
    """Whether content may be sent as it is: no line is too long, no octet forbidden (RFC 6152)."""
    return max(map(len, content.split(b"\r\n"))) <= LONGEST_LINE and b"\0" not in content


class Frame:
    """Pieces that are the same for everybody, and between them the holes."""

    def __init__(self, *, encode: Encode, joint: bytes) -> None:
        self.encode = encode
        self._joint = joint  # what keeps a hole's lines apart from its neighbours'
        self._pieces: list[bytes] = []
        self._holes: list[tuple[int, Hole | str]] = []
        self._different: list[Hole | str] = []
        self._places: list[tuple[int, int]] = []

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def add_hole(self, name: str) -> None:
        """A hole that is filled with bytes by its name."""
        self._holes.append((len(self._pieces), name))
        self._pieces.append(b"")

    def add_body(self, parts: Iterable[Segment]) -> None:
        for part in parts:
            if isinstance(part, str):
                self.add(self.encode(part))
            else:
                self.add(self._joint)
                self._holes.append((len(self._pieces), part))
                self._pieces.append(b"")
                self.add(self._joint)

    def fill(self, values: dict[str, str], fields: dict[str, bytes]) -> bytes:
        """One recipient's mail; LiquidError if a filter cannot take its values."""
        pieces = self._pieces.copy()
        encode = self.encode
        filled = [
            fields[hole] if isinstance(hole, str) else encode(value_of(hole, values))
            for hole in self._different
        ]
        for index, which in self._places:
            pieces[index] = filled[which]
        return b"".join(pieces)

    def close(self) -> None:
        """Put together what stands together, and see which holes are the same."""
        pieces: list[bytes] = []
        holes: list[tuple[int, Hole | str]] = []
        at = dict(self._holes)
        for index, piece in enumerate(self._pieces):
            if index in at:
                holes.append((len(pieces), at[index]))
                pieces.append(b"")
            elif pieces and not (holes and holes[-1][0] == len(pieces) - 1):
                pieces[-1] += piece
            else:
                pieces.append(piece)
        self._pieces, self._holes = pieces, holes
        self._different = list(dict.fromkeys(hole for _, hole in holes))
        self._places = [(index, self._different.index(hole)) for index, hole in holes]
