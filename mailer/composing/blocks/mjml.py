"""Blocks as MJML, with placeholders for everything that somebody typed.

So MJML never sees what people write: it lays out our own skeleton, flat and small, and the placeholders are
replaced in its HTML. It also keeps the skeleton the same, and cached, while only words change.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mailer.composing.blocks.document import RATIOS, Block, Blocks, Content, columns_of
from mailer.composing.blocks.theme import (
    DARK_BACKGROUND,
    DARK_SURFACE,
    DARK_TEXT,
    Theme,
    theme_of,
)
from mailer.composing.blocks.typed import LONGEST_ADDRESS, address, is_address, rich, words

MARK = re.compile(r"Qz(\d+)zQ")
FIELD = re.compile(r"[^\W\d_]\w{0,39}")
ALIGN = ("left", "center", "right")
SIZES = {"1": "28px", "2": "22px", "3": "18px"}
SHARES = {"100": 1.0, "75": 0.75, "50": 0.5, "33": 0.33}
MOST_LINKS = 50
SIDE = 28  # pixels between the edge and the text
_LINK = re.compile(r"(?:https?://|mailto:)\S+")


class Shown(NamedTuple):
    """A picture as a mail shows it: an absolute address, and its own width."""

    src: str
    width: int
    alt: str
    inside: str = ""  # its address if it is embedded in the mail


Pictures = Mapping[str, Shown]


@dataclass
class Sheet:
    """The MJML of one message, and what replaces each placeholder."""

    theme: Theme
    pictures: Pictures
    language: str
    leave: str  # the words of the unsubscribe link
    view: str  # the words of the link to the mail in a browser
    values: list[str] = field(default_factory=list)

    def mark(self, html: str) -> str:
        self.values.append(html)
        return f"Qz{len(self.values) - 1}zQ"

    def text(self, html: str, *, kind: str = "m-t", padding: str = f"8px {SIDE}px", **style: str) -> str:
        attributes = {"font-size": "16px", "line-height": "1.55", "color": self.theme.text, **style}
        written = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in attributes.items())
        return f'<mj-text css-class="{kind}" padding="{padding}" {written}>{self.mark(html)}</mj-text>'


def mjml_of(
    content: Content, *, pictures: Pictures, language: str, leave: str, view: str
) -> tuple[str, list[str]]:
    """The skeleton, and what its placeholders stand for."""
    sheet = Sheet(theme_of(content["theme"]), pictures, language, leave, view)
    body = "".join(_sections(sheet, content["blocks"]))
    theme = sheet.theme
    preview = (
        f"<mj-preview>{sheet.mark(words(content['preheader']))}</mj-preview>" if content["preheader"] else ""
    )
    return (
        f'<mjml lang="{language}"><mj-head>{preview}'
        f'<mj-attributes><mj-all font-family="{theme.font}"/></mj-attributes>'
        f'<mj-breakpoint width="480px"/><mj-style>{_style(theme)}</mj-style></mj-head>'
        f'<mj-body width="{theme.width}px" background-color="{theme.background}" css-class="m-b">'
        f'<mj-section padding="12px 0"><mj-column>{_view(sheet)}</mj-column></mj-section>'
        f'{body}<mj-section padding="12px 0"><mj-column><mj-spacer height="1px"/></mj-column></mj-section>'
        "</mj-body></mjml>"
    ), sheet.values


def fill(html: str, values: list[str]) -> str:
    return MARK.sub(lambda match: values[int(match[1])], html)


def _style(theme: Theme) -> str:
    return (
        ":root{color-scheme:light dark}"
        ".m-t p,.m-t ul,.m-t ol{margin:0 0 12px}.m-t ul,.m-t ol{padding-left:24px}"
        ".m-t p:last-child,.m-t ul:last-child,.m-t ol:last-child{margin-bottom:0}"
        ".m-t h1,.m-t h2,.m-t h3{margin:0;font-size:inherit;line-height:inherit}"
        f".m-t a{{color:{theme.accent}}}"
        "@media (prefers-color-scheme:dark){"
        f"body,.m-b,.m-b>div{{background-color:{DARK_BACKGROUND} !important}}"
        f".m-s,.m-s>table{{background:{DARK_SURFACE} !important;background-color:{DARK_SURFACE} !important}}"
        f".m-t div,.m-t p,.m-t li,.m-t h1,.m-t h2,.m-t h3{{color:{DARK_TEXT} !important}}"
        f".m-t a{{color:{theme.dark_accent} !important}}"
        ".m-q{border-color:#5b6b68 !important}.m-l p{border-top-color:#3d4a47 !important}}"
    )


def _sections(sheet: Sheet, blocks: Blocks) -> list[str]:
    """Blocks that follow each other share a section; columns have their own."""
    groups: list[Blocks] = []
    for block in blocks:
        if block["type"] == "columns" or not groups or groups[-1][0]["type"] == "columns":
            groups.append([block])
        else:
            groups[-1].append(block)
    if sheet.theme.logo in sheet.pictures:
        groups.insert(0, [{"type": "logo", "id": ""}])
    return [_section(sheet, group, number, len(groups)) for number, group in enumerate(groups)]


def _section(sheet: Sheet, group: Blocks, number: int, of: int) -> str:
    theme, radius = sheet.theme, sheet.theme.radius
    first, last = number == 0, number == of - 1
    corners = f"{radius if first else 0}px " * 2 + f"{radius if last else 0}px " * 2
    padding = f"{20 if first else 0}px 0 {20 if last else 0}px"
    begin, end = "", ""
    if group[0]["type"] == "columns":
        begin, end = _only_for(sheet, group[0])
        inside = _columns(sheet, group[0])
        if group[0].get("together"):
            inside = f"<mj-group>{inside}</mj-group>"
    else:
        inside = f"<mj-column>{''.join(_rendered(sheet, block, theme.width) for block in group)}</mj-column>"
    return (
        f'{begin}<mj-section css-class="m-s" background-color="{theme.surface}" padding="{padding}" '
        f'border-radius="{corners.strip()}">{inside}</mj-section>{end}'
    )


def _columns(sheet: Sheet, block: Block) -> str:
    shares = RATIOS.get(block.get("ratio", ""), RATIOS["1-1"])
    return "".join(
        f'<mj-column width="{share}%" vertical-align="top">'
        + "".join(_rendered(sheet, inner, sheet.theme.width * share // 100) for inner in column)
        + "</mj-column>"
        for share, column in zip(shares, columns_of(block), strict=False)
    )


def _view(sheet: Sheet) -> str:
    """The link above the paper; a public page has no such address."""
    if not sheet.theme.view:
        return '<mj-spacer height="1px"/>'
    colour = sheet.theme.on_background
    link = f'<a href="{{{{ view_url }}}}" style="color:{colour}">{sheet.view}</a>'
    html = f"{{% if view_url != '' %}}{link}{{% endif %}}"
    return sheet.text(html, padding=f"0 {SIDE}px", font_size="13px", color=colour, align="center")


def _only_for(sheet: Sheet, block: Block) -> tuple[str, str]:
    """Show a part only to those who have something in a field."""
    name = block.get("when", "")
    if not FIELD.fullmatch(name):
        return "", ""
    begin, end = sheet.mark(f"{{% if {name} and {name} != '' %}}"), sheet.mark("{% endif %}")
    return f"<mj-raw>{begin}</mj-raw>", f"<mj-raw>{end}</mj-raw>"


def _rendered(sheet: Sheet, block: Block, width: int) -> str:
    make = _MAKERS.get(block["type"])
    inside = make(sheet, block, width) if make else ""
    begin, end = _only_for(sheet, block) if inside else ("", "")
    return begin + inside + end


def _align(block: Block, usual: str = "left") -> str:
    return block.get("align") if block.get("align") in ALIGN else usual  # type: ignore[return-value]


def _logo(sheet: Sheet, _block: Block, width: int) -> str:
    theme = sheet.theme
    return _image(sheet, theme.logo, words(theme.logo_alt), min(180, width // 2), "center")


def _heading(sheet: Sheet, block: Block, _width: int) -> str:
    level = block.get("level") if block.get("level") in SIZES else "1"
    text = words(block.get("text", ""), lines=True)
    if not text.strip():
        return ""
    html = f"<h{level}>{text}</h{level}>"
    return sheet.text(
        html, padding=f"14px {SIDE}px 6px", font_size=SIZES[str(level)], line_height="1.25",
        font_weight="700", align=_align(block),
    )  # fmt: skip


def _text(sheet: Sheet, block: Block, _width: int) -> str:
    html = rich(block.get("text", ""))
    return sheet.text(html, align=_align(block)) if html else ""


def _image(sheet: Sheet, src: str, alt: str, width: int, align: str, link: str = "") -> str:
    shown = words(sheet.pictures[src].src) if src in sheet.pictures else src
    address_of, alt_of = sheet.mark(shown), sheet.mark(alt)
    href = f' href="{sheet.mark(link)}"' if link else ""
    return (
        f'<mj-image src="{address_of}" alt="{alt_of}" width="{width}px" align="{align}" '
        f'padding="10px {SIDE}px" border-radius="{min(sheet.theme.radius, 12)}px"{href}/>'
    )


def _picture(sheet: Sheet, block: Block, width: int) -> str:
    chosen = sheet.pictures.get(block.get("picture", ""))
    src = block["picture"] if chosen else address(block.get("address", ""))
    if chosen and chosen.inside and block.get("inside"):
        src = chosen.inside
    if not src or (not chosen and src.startswith(("mailto:", "tel:"))):
        return ""
    widest = int((width - 2 * SIDE) * SHARES.get(block.get("width", ""), 1.0))
    if chosen:
        widest = min(widest, chosen.width)
    alt = words(block.get("alt", "") or (chosen.alt if chosen else ""))
    return _image(sheet, src, alt, max(widest, 1), _align(block, "center"), address(block.get("link", "")))


def _button(sheet: Sheet, block: Block, _width: int) -> str:
    text, link = words(block.get("text", "")), address(block.get("link", ""))
    if not text.strip() or not link:
        return ""
    theme = sheet.theme
    wide = ' width="100%"' if block.get("wide") else ""
    return (
        f'<mj-button href="{sheet.mark(link)}" align="{_align(block)}" background-color="{theme.accent}" '
        f'color="{theme.on_accent}" border-radius="{min(theme.radius, 24)}px" font-size="16px" '
        f'font-weight="700" line-height="1.3" inner-padding="13px 24px" padding="12px {SIDE}px"{wide}>'
        f"{sheet.mark(text)}</mj-button>"
    )


def _quote(sheet: Sheet, block: Block, _width: int) -> str:
    text, who = words(block.get("text", ""), lines=True), words(block.get("who", ""))
    if not text.strip():
        return ""
    signature = f'<p style="font-size:14px">– {who}</p>' if who.strip() else ""
    html = (
        f'<blockquote class="m-q" style="margin:0;padding:4px 0 4px 18px;'
        f'border-left:4px solid {sheet.theme.accent}">'
        f'<p style="font-style:italic">{text}</p>{signature}</blockquote>'
    )
    return sheet.text(html, font_size="17px")


def _divider(sheet: Sheet, _block: Block, _width: int) -> str:
    return (
        f'<mj-divider css-class="m-l" border-width="1px" border-color="{sheet.theme.line}" '
        f'padding="14px {SIDE}px"/>'
    )


def _spacer(_sheet: Sheet, block: Block, _width: int) -> str:
    height = block.get("height", "")
    return f'<mj-spacer height="{min(int(height), 120) if re.fullmatch(r"[0-9]{1,3}", height) else 24}px"/>'


def links_of(text: str) -> list[tuple[str, str]]:
    """Name and address of each line that has both."""
    found = []
    for line in text.splitlines()[:MOST_LINKS]:
        if len(line) > LONGEST_ADDRESS:
            continue
        words = line.split()
        match = _LINK.search(words[-1]) if words else None
        if match and is_address(match[0]):
            name = line.rstrip().removesuffix(match[0]).strip().rstrip(":")
            found.append((name or match[0].partition("//")[2].strip("/"), match[0]))
    return found


def _social(sheet: Sheet, block: Block, _width: int) -> str:
    links = [
        f'<a href="{address(link)}" style="font-weight:700">{words(name)}</a>'
        for name, link in links_of(block.get("links", ""))
    ]
    return sheet.text(" &nbsp;·&nbsp; ".join(links), align="center", font_size="15px") if links else ""


def _footer(sheet: Sheet, block: Block, _width: int) -> str:
    html = rich(block.get("text", ""))
    leave = f'<p><a href="{{{{ unsubscribe_url }}}}">{sheet.leave}</a></p>'
    return sheet.text(
        html + leave, kind="m-t m-f", align=_align(block, "center"), font_size="13px",
        color=sheet.theme.muted, padding=f"16px {SIDE}px 4px",
    )  # fmt: skip


def _raw(sheet: Sheet, block: Block, _width: int) -> str:
    html = block.get("html", "")
    return sheet.text(html, kind="m-r") if html.strip() else ""


_MAKERS: dict[str, Callable[[Sheet, Block, int], str]] = {
    "logo": _logo,
    "heading": _heading,
    "text": _text,
    "picture": _picture,
    "button": _button,
    "quote": _quote,
    "divider": _divider,
    "spacer": _spacer,
    "social": _social,
    "footer": _footer,
    "raw": _raw,
}
