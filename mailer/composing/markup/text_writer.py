"""Text in lines, in which Liquid branches keep their places.

The separator between two words (a blank, a new line, an empty line) is written when the second word comes.
After a block of branches that can differ between branches, so each branch has an end to which it can still be
added.
"""

from dataclasses import dataclass, replace

from mailer.composing.markup.liquid_tags import CLOSING, OPENING

NOTHING, BLANK, LINE, EMPTY_LINE = range(4)
WIDTH = 78
_CLOSING_MARKS = frozenset(".,;:!?)]}>»”’\"'…")
_OPENING_MARKS = frozenset("([{<«“„‘\"'")


@dataclass(slots=True)
class _End:
    """A place where text can continue: the separator that is due before it, and its column."""

    due: int = NOTHING
    column: int = 0
    fresh: bool = True  # at the start of a line, with every separator written
    slot: int = -1
    broken: bool = False  # from a <br>: another one makes an empty line
    otherwise: bool = False  # the branch that the author omitted
    apart: bool = False  # nothing but a closing mark may follow without a separator


@dataclass(slots=True)
class _Block:
    entry: _End
    ends: list[_End]
    begun: bool  # what comes before the first “when” of a case is not sent
    exhaustive: bool = False


class TextWriter:
    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._ends = [_End()]
        self._blocks: list[_Block] = []
        self._run: list[str] = []  # what must not be broken
        self._run_width = 0
        self._marked = 0  # the width of the marker before the text, which is part of the indent
        self.indent = ""  # of the next new line
        self.marker = ""  # of a list item that has no text yet

    def blank(self) -> None:
        self._flush()
        self._due(BLANK)

    def line(self, due: int = LINE) -> None:
        self._flush()
        self._due(due)

    def line_break(self) -> None:
        self._flush()
        for end in self._ends:
            if not end.fresh:
                end.due = EMPTY_LINE if end.broken else max(end.due, LINE)
                end.broken = True

    def add(self, text: str, width: int | None = None) -> None:
        """Text that stays together, including what is added next to it."""
        if not self._run and self.marker:
            self._run.append(self.marker)
            self._run_width = self._marked = len(self.marker)
            self.marker = ""
        self._run.append(text)
        self._run_width += len(text) if width is None else width

    def apart(self) -> None:
        """Keep what comes next from running into the text so far, which is an address or a picture."""
        if self._run and self._run[-1][-1:] in _OPENING_MARKS:
            return
        self._flush(room=2)  # for closing marks
        for end in self._ends:
            end.apart = not end.fresh

    def join(self) -> bool:
        """Drop a pending blank, so that what comes next is adjacent; return whether there was one."""
        blank = not self._run and any(end.due == BLANK for end in self._ends)
        for end in self._ends if not self._run else ():
            end.due = NOTHING if end.due == BLANK else end.due
        return blank

    def control(self, tag: str, name: str) -> None:
        """A Liquid tag that chooses."""
        if self.marker:
            self.add("")
            self._run[0] = self._run[0].rstrip()
            self.blank()
        self._flush()
        if name in OPENING:
            self._settle()
            self._blocks.append(_Block(replace(self._ends[0]), [], begun=name != "case"))
            self._pieces.append(tag)
        elif name in CLOSING:
            self._close(tag)
        else:
            self._next_branch(tag, name)

    def __str__(self) -> str:
        self._flush()
        return "".join(self._pieces)

    def _due(self, due: int) -> None:
        for end in self._ends:
            if not end.fresh:
                end.due = max(end.due, due)

    def _flush(self, *, room: int = 0) -> None:
        if not self._run:
            return
        before = [self._before(end, room) for end in self._ends]
        if len(set(before)) == 1:
            self._pieces.append(before[0])
        else:
            for end, text in zip(self._ends, before, strict=True):
                self._fill(end, text)
        column = max(self._column(end, text) for end, text in zip(self._ends, before, strict=True))
        self._pieces += self._run
        self._ends = [_End(column=column + self._run_width, fresh=False)]
        self._run, self._run_width, self._marked = [], 0, 0

    def _before(self, end: _End, room: int) -> str:
        """The separator between the text so far and the new text."""
        if end.fresh:
            return self._line_start()
        if end.due >= LINE:
            return "\n" * (end.due - 1) + self._line_start()
        if end.due == BLANK:
            fits = end.column + 1 + self._run_width + room <= WIDTH
            too_long = len(self._line_start()) + self._run_width > WIDTH  # for any line
            return " " if fits or too_long else "\n" + self._line_start()
        return " " if end.apart and self._run[0][:1] not in _CLOSING_MARKS else ""

    def _line_start(self) -> str:
        return self.indent[: len(self.indent) - self._marked]

    def _column(self, end: _End, before: str) -> int:
        line = before.rpartition("\n")
        return len(line[2]) if line[1] or end.fresh else end.column + len(before)

    def _fill(self, end: _End, text: str) -> None:
        if text:
            start = "{% else %}" if end.otherwise and not self._pieces[end.slot] else ""
            self._pieces[end.slot] += start + text

    def _settle(self) -> None:
        """Make one end of several, before a block whose branches start there."""
        if len({(end.due, end.fresh) for end in self._ends}) > 1:
            broken = any(end.due >= LINE or end.fresh for end in self._ends)
            for end in self._ends:
                if broken and not end.fresh:
                    self._fill(end, "\n" * (max(end.due, LINE) - 1))
                    end.fresh, end.column = True, 0
                elif end.due == BLANK:
                    self._fill(end, " ")
                end.due = NOTHING
        fresh = all(end.fresh for end in self._ends)
        due = max(end.due for end in self._ends)
        apart = any(end.apart for end in self._ends)
        self._ends = [_End(due, max(end.column for end in self._ends), fresh, apart=apart)]

    def _end_branch(self) -> list[_End]:
        ends = self._ends
        for end in ends:
            if end.slot < 0:
                self._pieces.append("")
                end.slot = len(self._pieces) - 1
        return ends

    def _next_branch(self, tag: str, name: str) -> None:
        if not self._blocks:
            return
        block = self._blocks[-1]
        if block.begun:
            block.ends += self._end_branch()
        block.begun = True
        block.exhaustive |= name == "else"
        self._pieces.append(tag)
        self._ends = [replace(block.entry)]

    def _close(self, tag: str) -> None:
        if not self._blocks:
            return
        block = self._blocks.pop()
        block.ends += self._end_branch()
        if not block.exhaustive:
            self._pieces.append("")
            block.ends.append(replace(block.entry, slot=len(self._pieces) - 1, otherwise=True))
        self._pieces.append(tag)
        self._ends = block.ends
