"""Whether a reader sees what stands in an element, as far as its styles say."""

import re
from itertools import takewhile

from tinycss2.color3 import RGBA, parse_color

from mailer.composing.markup.document import Node

_ZERO = re.compile(r"[+-]?0*\.?0+(?:[a-z]+|%)?", re.IGNORECASE)
_NEARLY_NONE = re.compile(r"0?\.0\d*|\d(?:\.\d+)?%")
_FAINT = 0.1  # of full strength
_WHITE, _UNKNOWN = RGBA(1, 1, 1, 1), RGBA(-1, -1, -1, 1)


def hides(node: Node) -> bool:
    style = node.style
    return (
        node.token.attribute("hidden") is not None
        or style.get("display") == "none"
        or any(_zero(style.get(name)) for name in ("max-height", "opacity"))
        or ((_zero(style.get("height")) or _zero(style.get("width"))) and style.get("overflow") == "hidden")
        or style.get("color") == "transparent"
        or (style.get("position") in {"absolute", "fixed"} and _far_away(style))
        or bool(re.match(r"-\d{3}", style.get("text-indent", "")))
        or (node.name in {"details", "dialog"} and node.token.attribute("open") is None)
    )


def _far_away(style: dict[str, str]) -> bool:
    return any(re.match(r"-\d{3}", style.get(side, "")) for side in ("left", "top", "right", "bottom"))


def _zero(value: str | None) -> bool:
    return bool(value and _ZERO.fullmatch(value))


def shown(node: Node | None, *, always: bool = False) -> bool:
    """Whether text in this element is visible; `always`: to every reader, at any width."""
    size = visibility = ""
    while node:
        style = node.style
        if node.hidden or (always and ("-hidden-sometimes" in style or _fades(style))):
            return False
        visibility = visibility or style.get("visibility", "")
        size = size or _absolute(style.get("font-size") or _size_in_font(style.get("font", "")))
        node = node.parent
    return visibility not in {"hidden", "collapse"} and not _zero(size) and not (always and _tiny(size))


def stands_out(node: Node, link: Node) -> bool:
    """Whether text of a link has another colour than what is behind it, as far as the styles say."""
    inside = list(takewhile(lambda inner: inner is not link.parent, node.ancestors()))
    colour = next(filter(None, map(_colour, inside)), None)  # what is around a link does not colour it
    if colour is None:
        return True
    behind = next(filter(None, map(_background, node.ancestors())), _WHITE)
    if behind is _UNKNOWN:
        return bool(colour.alpha > _FAINT)
    mixed = [
        part * colour.alpha + back * (1 - colour.alpha) for part, back in zip(colour, behind, strict=False)
    ]
    return any(abs(part - back) > _FAINT for part, back in zip(mixed, behind, strict=False))


def _colour(node: Node) -> RGBA | None:
    value = node.style.get("color") or (node.attribute("color") if node.name == "font" else "")
    colour = parse_color(value or "")
    return colour if isinstance(colour, RGBA) else None


def _background(node: Node) -> RGBA | None:
    """A colour, or _UNKNOWN for a picture; None: what is further behind shows."""
    style = node.style
    written = f"{style.get('background', '')} {style.get('background-image', '')}"
    if "url(" in written or "gradient(" in written or node.attribute("background"):
        return _UNKNOWN
    for value in (style.get("background-color"), style.get("background"), node.attribute("bgcolor")):
        colour = parse_color(value or "")
        if isinstance(colour, RGBA) and colour.alpha > 1 - _FAINT:
            return colour
    return None


def _fades(style: dict[str, str]) -> bool:
    """What hides from some readers only, or nearly; text so hidden is still in the text part."""
    squeezed = style.get("clip-path", "") + style.get("transform", "").replace(" ", "")
    return (
        style.get("mso-hide") == "all"
        or bool(_NEARLY_NONE.fullmatch(style.get("opacity", "")))
        or bool(re.match(r"rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]", style.get("clip", "")))
        or bool(re.search(r"inset\((?:[5-9]\d|100)%|circle\(0|scale[xy]?\(0(?:\.0\d*)?[,)]", squeezed))
    )


def _tiny(size: str) -> bool:
    """Too small to read: at most three pixels."""
    match = re.fullmatch(r"(\d*\.?\d+)(?:px|pt)", size)
    return bool(match and float(match[1]) <= 3)


def _absolute(size: str) -> str:
    """A size that does not depend on its surroundings, or nothing."""
    relative = size.endswith(("%", "em", "inherit", "smaller", "larger")) and not size.endswith("rem")
    return "" if relative and not _zero(size) else size


def _size_in_font(font: str) -> str:
    match = re.search(r"(?:^|\s)(0(?:[a-z]+|%)?|\d+(?:\.\d+)?(?:px|pt))(?:/|\s)", font)
    return match[1] if match else ""
