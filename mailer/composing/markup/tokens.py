"""Splits HTML into tokens that know their position in the source (WHATWG HTML section 13.2.5).

Liquid tags are one token wherever they stand: what is inside them is not HTML.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mailer.composing.markup.elements import RAW_TEXT
from mailer.composing.markup.liquid_tags import CLOSING, OPENING, Tag, is_balanced, tags_of

TEXT, START, END, COMMENT, RAW, LIQUID = "text", "start", "end", "comment", "raw", "liquid"
_NEXT = re.compile(r"<(?=[A-Za-z/!?])")
_NAME = re.compile(r"[^\s/>{]+")
_ATTRIBUTE = re.compile(r"[\s/]*")
_ATTRIBUTE_NAME = re.compile(r"=?[^\s/>={]*")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"[^\s>{]+|\{")
_DOCTYPE = re.compile(r"<!doctype[^>\[]*\[[^\]]*\]\s*>", re.IGNORECASE)  # with declarations inside
_COMMENT_END = re.compile(r"--!?>")


class BadMarkup(Exception):
    """HTML in which Liquid tags cannot work, or that swallows what comes after it."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(problem)
        self.problem, self.position = problem, position


class Attribute(NamedTuple):
    """`value` is as written, without its quotes; None if there is none."""

    name: str
    start: int
    value: str | None
    value_start: int
    value_end: int
    quote: str
    conditional: bool


@dataclass(slots=True)
class Token:
    kind: str
    start: int
    end: int
    name: str = ""
    attributes: list[Attribute] = field(default_factory=list)
    attributes_end: int = 0  # where another attribute can be inserted
    liquid: Tag | None = None
    closed: bool = True

    def attribute(self, name: str) -> Attribute | None:
        return next((attribute for attribute in self.attributes if attribute.name == name), None)


class Tokenizer:
    def __init__(self, source: str) -> None:
        self.source = source
        self._tags = tags_of(source)
        self._tag_starts = [tag.start for tag in self._tags]
        self._position = 0

    def __iter__(self) -> Iterator[Token]:
        source, length = self.source, len(self.source)
        while self._position < length:
            start = self._position
            match, tag = _NEXT.search(source, start), self._next_tag(start)
            end = min(match.start() if match else length, tag.start if tag else length)
            if end > start:
                self._position = end
                yield Token(TEXT, start, end)
            elif tag and tag.start == start:
                if not tag.name and source.endswith("<", 0, start):
                    raise BadMarkup("name", start)
                self._position = tag.end
                yield Token(LIQUID, start, tag.end, tag.name, liquid=tag)
            else:
                token = self._markup(start)
                self._position = token.end
                yield token
                if token.kind == START and token.name in RAW_TEXT:
                    yield from self._raw_text(token.name)

    def _next_tag(self, position: int) -> Tag | None:
        index = bisect_left(self._tag_starts, position)
        return self._tags[index] if index < len(self._tags) else None

    def _tag_at(self, position: int) -> Tag | None:
        tag = self._next_tag(position)
        return tag if tag and tag.start == position else None

    def tags_in(self, token: Token) -> list[Tag]:
        """The Liquid tags inside a tag, a comment or raw text."""
        first = bisect_left(self._tag_starts, token.start)
        return self._tags[first : bisect_left(self._tag_starts, token.end)]

    def _markup(self, start: int) -> Token:
        source = self.source
        if source.startswith("<!--", start):
            return self._comment(start)
        if source[start + 1].isalpha():
            return self._tag(start, START)
        if source[start + 1] == "/" and source[start + 2 : start + 3].isalpha():
            return self._tag(start, END)
        if doctype := _DOCTYPE.match(source, start):
            return Token(COMMENT, start, doctype.end())
        if (tag := self._tag_at(start + 2)) and not tag.name:
            raise BadMarkup("name", start)
        end = self._find(">", start)  # a doctype, <![if …]>, or something that is not a tag
        return Token(COMMENT, start, end + 1 if end >= 0 else len(source), closed=end >= 0)

    def _comment(self, start: int) -> Token:
        for empty in ("<!-->", "<!--->"):
            if self.source.startswith(empty, start):
                return Token(COMMENT, start, start + len(empty))
        match = _COMMENT_END.search(self.source, start + 4)
        return Token(COMMENT, start, match.end() if match else len(self.source), closed=bool(match))

    def _find(self, what: str, position: int) -> int:
        """Like str.find, but not inside a Liquid tag."""
        while (found := self.source.find(what, position)) >= 0:
            index = bisect_left(self._tag_starts, found) - 1
            if index < 0 or self._tags[index].end <= found:
                return found
            position = self._tags[index].end
        return -1

    def _raw_text(self, name: str) -> Iterator[Token]:
        start = self._position
        match = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(self.source, start)
        self._position = match.start() if match and name != "plaintext" else len(self.source)
        yield Token(RAW, start, self._position, name, closed=bool(match))

    def _tag(self, start: int, kind: str) -> Token:
        name_start = start + (1 if kind == START else 2)
        match = _NAME.match(self.source, name_start)
        name = match[0].lower() if match else ""
        position = match.end() if match else name_start
        liquid = self._tag_at(position)
        if liquid and not liquid.name:
            raise BadMarkup("name", start)
        token = Token(kind, start, 0, name, attributes_end=position)
        self._attributes(token, position)
        return token

    def _attributes(self, token: Token, position: int) -> None:
        source, depth = self.source, 0
        while True:
            position = _ATTRIBUTE.match(source, position).end()  # type: ignore[union-attr]  # may be empty
            if position >= len(source):
                raise BadMarkup("tag", token.start)
            if source[position] == ">":
                token.end = position + 1
                if not is_balanced(self.tags_in(token)):
                    raise BadMarkup("branch", token.start)
                return
            if liquid := self._tag_at(position):
                if not liquid.name:
                    raise BadMarkup("attribute", position)
                depth += (liquid.name in OPENING) - (liquid.name in CLOSING)
                position = token.attributes_end = liquid.end
                continue
            attribute = self._attribute(position, conditional=depth > 0)
            token.attributes.append(attribute)
            position = token.attributes_end = attribute.value_end + len(attribute.quote)

    def _attribute(self, start: int, *, conditional: bool) -> Attribute:
        source = self.source
        end = _ATTRIBUTE_NAME.match(source, start).end()  # type: ignore[union-attr]  # may be empty
        if (tag := self._tag_at(end)) and not tag.name:
            raise BadMarkup("attribute", end)
        if end == start:  # a lone brace
            end = start + 1
        name = source[start:end].lower()
        equals = _EQUALS.match(source, end)
        if not equals:
            return Attribute(name, start, None, end, end, "", conditional)
        value_start, quote = equals.end(), source[equals.end() : equals.end() + 1]
        if quote in {'"', "'"}:
            value_start += 1
            value_end = self._find(quote, value_start)
            if value_end < 0:
                raise BadMarkup("tag", start)
        else:
            quote, value_end = "", self._unquoted_end(value_start)
        return Attribute(
            name, start, source[value_start:value_end], value_start, value_end, quote, conditional
        )

    def _unquoted_end(self, position: int) -> int:
        while True:
            if tag := self._tag_at(position):
                position = tag.end
            elif match := _UNQUOTED.match(self.source, position):
                position = match.end()
            else:
                return position
