"""How ready messages are defined: each text in English and Russian side by side."""
# ruff: noqa: E501  # texts as they are read

from dataclasses import dataclass
from typing import Any

Pair = tuple[str, str]
Block = dict[str, Any]
LINK = "https://example.com/"


@dataclass(frozen=True, kw_only=True)
class Draft:
    subject: Pair
    preheader: Pair
    theme: dict[str, str]
    blocks: list[Block]


def heading(en: str, ru: str, level: str = "1", align: str = "left") -> Block:
    return {"type": "heading", "text": (en, ru), "level": level, "align": align}


def text(en: str, ru: str, align: str = "left", when: str = "") -> Block:
    return {"type": "text", "text": (en, ru), "align": align, "when": when}


def greeting() -> Block:
    return text(
        "<p>{% if first_name != '' %}Dear {{ first_name }},{% else %}Hello,{% endif %}</p>",
        "<p>{% if first_name != '' %}{{ first_name }}, здравствуйте!{% else %}Здравствуйте!{% endif %}</p>",
    )


def button(en: str, ru: str, align: str = "left", *, wide: bool = False) -> Block:
    return {"type": "button", "text": (en, ru), "link": LINK, "align": align, "wide": "on" if wide else ""}


def picture(name: str, en: str, ru: str, width: str = "100") -> Block:
    return {"type": "picture", "picture": f"ours:{name}", "alt": (en, ru), "width": width, "align": "center"}


def columns(ratio: str, *parts: list[Block], together: bool = False) -> Block:
    return {
        "type": "columns",
        "ratio": ratio,
        "columns": list(parts),
        "together": "on" if together else "",
    }


def quote(en: str, ru: str, who: Pair) -> Block:
    return {"type": "quote", "text": (en, ru), "who": who}


def divider() -> Block:
    return {"type": "divider"}


def spacer(height: int = 16) -> Block:
    return {"type": "spacer", "height": str(height)}


def social() -> Block:
    links = f"Telegram https://t.me/example\nYouTube https://youtube.com/@example\nexample.com {LINK}"
    return {"type": "social", "links": links}


def footer() -> Block:
    return {
        "type": "footer",
        "align": "center",
        "text": (
            "<p>You get this email because you signed up with {{ sender_name }}.<br>Example Ltd, 1 Example Street</p>",
            "<p>Вы получили это письмо, потому что подписались на {{ sender_name }}.<br>ООО «Пример», ул. Примерная, 1</p>",
        ),
    }
