"""The look of a message in blocks: its colours, fonts and sizes, in light and dark."""

import re
from dataclasses import dataclass
from typing import Any

FONTS = {
    "sans": "Arial, Helvetica, sans-serif",
    "humanist": "Verdana, Geneva, sans-serif",
    "serif": "Georgia, 'Times New Roman', serif",
    "mono": "'Courier New', Courier, monospace",
}
DEFAULTS = {
    "background": "#f3f4f3",
    "surface": "#ffffff",
    "text": "#24302e",
    "accent": "#0f6b63",
    "font": "sans",
    "width": "600",
    "radius": "8",
    "logo": "",
    "logo_alt": "",
    "view": "",
}
WIDTHS, RADII = (320, 800), (0, 32)
DARK_BACKGROUND, DARK_SURFACE, DARK_TEXT = "#101514", "#1b2321", "#e6ebea"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    background: str
    surface: str
    text: str
    accent: str
    font: str
    width: int
    radius: int
    logo: str
    logo_alt: str
    view: bool

    @property
    def on_accent(self) -> str:
        """The text colour on a button."""
        return (
            "#ffffff" if contrast("#ffffff", self.accent) >= contrast("#111111", self.accent) else "#111111"
        )

    @property
    def dark_accent(self) -> str:
        """The accent, made bright enough for a link on a dark background."""
        colour = self.accent
        while contrast(colour, DARK_SURFACE) < 5:
            colour = _mixed(colour, "#ffffff", 0.12)
        return colour

    @property
    def muted(self) -> str:
        return _mixed(self.text, self.surface, 0.35)

    @property
    def on_background(self) -> str:
        """The colour of small text beside the paper."""
        return max(
            (_mixed(colour, self.background, 0.2) for colour in ("#ffffff", "#111111")),
            key=lambda colour: contrast(colour, self.background),
        )

    @property
    def line(self) -> str:
        return _mixed(self.text, self.surface, 0.82)


def theme_of(stored: dict[str, Any]) -> Theme:
    """A theme from what was typed; invalid values become the defaults."""
    chosen = {name: str(stored.get(name) or usual) for name, usual in DEFAULTS.items()}
    colours = {
        name: chosen[name].lower() if _COLOUR.fullmatch(chosen[name]) else DEFAULTS[name]
        for name in ("background", "surface", "text", "accent")
    }
    return Theme(
        **colours,
        font=FONTS.get(chosen["font"], FONTS["sans"]),
        width=_number(chosen["width"], WIDTHS, int(DEFAULTS["width"])),
        radius=_number(chosen["radius"], RADII, int(DEFAULTS["radius"])),
        logo=chosen["logo"],
        logo_alt=chosen["logo_alt"],
        view=bool(chosen["view"]),
    )


def _number(text: str, limits: tuple[int, int], usual: int) -> int:
    return min(max(int(text), limits[0]), limits[1]) if re.fullmatch(r"\d{1,4}", text) else usual


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{min(255, round(a + (b - a) * share + 0.5)):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [c / 255 for c in _channels(colour)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
