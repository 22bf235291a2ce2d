"""Charts as SVG drawn by our own templates: here numbers become positions and lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils import formats
from django.utils.translation import gettext

WIDTH, HEIGHT = 720, 150  # in the drawing's units
LABELS = 8  # at most, below the bars


@dataclass(frozen=True, kw_only=True)
class Bar:
    label: str
    short: str
    sent: int
    refused: int
    left: int = 0
    complained: int = 0

    @property
    def top(self) -> int:
        return self.sent + self.refused


@dataclass(frozen=True, kw_only=True)
class Column:
    """A vertical bar: refused on top of sent."""

    bar: Bar
    x: float
    width: float
    sent: float
    refused: float
    label: str

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)

    @property
    def sent_y(self) -> float:
        return round(HEIGHT - self.sent, 1)

    @property
    def refused_y(self) -> float:
        return round(HEIGHT - self.sent - self.refused, 1)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A horizontal bar in a table's cell."""

    bar: Bar
    sent: float
    refused: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    title: str
    first: str  # the heading of the table's first column
    bars: Sequence[Bar]
    shows_left: bool
    summary: str

    @property
    def highest(self) -> int:
        return max((bar.top for bar in self.bars), default=0)

    @property
    def half(self) -> str:
        return formats.number_format(self.highest / 2, 0, force_grouping=True)

    @property
    def most(self) -> str:
        return formats.number_format(self.highest, force_grouping=True)

    @cached_property
    def columns(self) -> list[Column]:
        room = WIDTH / max(len(self.bars), 1)
        every = -(-len(self.bars) // LABELS)
        return [
            Column(
                bar=bar,
                x=round(n * room + room * 0.15, 1),
                width=round(min(room * 0.7, 60), 1),
                sent=self._part(bar.sent, HEIGHT),
                refused=self._part(bar.refused, HEIGHT),
                label=bar.short if n % every == 0 else "",
            )
            for n, bar in enumerate(self.bars)
        ]

    @cached_property
    def lines(self) -> list[Line]:
        return [
            Line(bar=bar, sent=self._part(bar.sent, 100), refused=self._part(bar.refused, 100))
            for bar in self.bars
        ]

    def _part(self, number: int, whole: int) -> float:
        return round(number / self.highest * whole, 1) if self.highest else 0.0


def chart_of(title: str, bars: Sequence[Bar], *, first: str, shows_left: bool = False) -> Chart:
    """A chart, with a sentence that says what it shows."""
    most = max(bars, key=lambda bar: bar.top, default=None)
    summary = ""
    if most and most.top:
        numbers = {
            "label": most.label,
            "sent": formats.number_format(most.sent, force_grouping=True),
            "refused": formats.number_format(most.refused, force_grouping=True),
        }
        summary = gettext("Most: %(label)s, with %(sent)s sent and %(refused)s not delivered.") % numbers
    return Chart(title=title, bars=bars, first=first, shows_left=shows_left, summary=summary)
