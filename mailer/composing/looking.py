"""A message as one client would get it, made by the code that sends; fields they lack are marked."""

import json
import re
from dataclasses import dataclass, field

from django.utils import translation
from liquid.exceptions import LiquidError

from mailer.composing.attribute_values import AttributeValues, Typed, nothing, samples
from mailer.composing.blocks.rendering import html_of
from mailer.composing.compiling import Compiled, compile_message
from mailer.composing.drafts import Written
from mailer.composing.merge import SAMPLE, sample_in, values_for
from mailer.composing.picture_files import pictures_of
from mailer.models import Client, Format
from mailer.models.attribute import kinds_of
from people.models import User

_MARKED = re.compile(r"\u27e6(\w{1,40})\u27e7")
_BETWEEN_TAGS = re.compile(r"[^<>]+<?")
_STANDS_OUT = '<mark style="background:#ffe08a;color:#3a2c00;padding:0 3px">{{ %s }}</mark>'
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)")


class Missing(Typed):
    """Nothing to every condition and filter, and a mark where it would be written into HTML."""

    __slots__ = ("name",)
    name: str

    def __html__(self) -> str:
        return f"\u27e6{self.name}\u27e7"


@dataclass(frozen=True, kw_only=True)
class Look:
    subject: str = ""
    html: str = ""
    text: str = ""
    problem: str = ""
    lacks: list[str] = field(default_factory=list)
    compiled: Compiled | None = None
    size: int = 0  # octets of the HTML part


def look(*, written: Written, owner: User, client: Client | None = None, laid_out: str = "") -> Look:
    """What one client, or a sample recipient, would get of a draft as it is.

    `laid_out`: the HTML made from its blocks when it was saved.
    """
    try:
        body = laid_out or written.body
        if written.format == Format.BLOCKS and not laid_out:
            body = html_of(written.content, pictures=pictures_of(owner), subject=written.subject)
        compiled = compile_message(subject=written.subject, body=body, format=written.format)
        values = values_of(compiled, owner=owner, client=client)
        filled = compiled.fill({name: value or _missing(name) for name, value in values.items()})
    except LiquidError as error:
        return Look(subject=written.subject, problem=str(error.message))
    return Look(
        subject=filled.subject,
        html=_BETWEEN_TAGS.sub(_stand_out, filled.html),
        text=filled.text,
        lacks=sorted(name for name, value in values.items() if not value and name in compiled.names),
        compiled=compiled,
        size=len(filled.html.encode()),
    )


def _stand_out(part: re.Match[str]) -> str:
    """Show the marks in a piece of text; one that no tag follows may be in an attribute's value."""
    text = part[0]
    return _MARKED.sub(lambda mark: _STANDS_OUT % mark[1], text) if text.endswith("<") else text


def _missing(name: str) -> Missing:
    made = Missing("")
    made.name, made.typed = name, "" if name in SAMPLE else None
    return made


def values_of(compiled: Compiled, *, owner: User, client: Client | None) -> dict[str, str]:
    others = compiled.names - set(SAMPLE)
    kinds = kinds_of(owner) if others else {}
    if client is None:
        with translation.override(compiled.language):
            sample = sample_in(compiled.language)
            return {**sample, "sender_name": owner.get_short_name(), **nothing(others), **samples(kinds)}
    attributes = AttributeValues(compiled.names, kinds, language=compiled.language)
    own = values_for(
        full_name=client.full_name,
        email=client.email,
        sender_name=owner.get_short_name(),
        unsubscribe_url=SAMPLE["unsubscribe_url"],
        view_url=SAMPLE["view_url"],
    )
    return {**own, **attributes.of(json.dumps(client.attributes))}


def as_dark(html: str, *, dark: bool) -> str:
    """The HTML as a mail program in dark or light mode shows it, whatever this browser's mode."""
    html = _DARK.sub("all" if dark else "not all", html)
    return _LIGHT.sub("not all" if dark else "all", html)


def preheader_of(html: str, text: str, typed: str) -> str:
    """What an inbox shows beside the subject: the preheader, otherwise the first words."""
    return typed or " ".join(text.split())[:140]
