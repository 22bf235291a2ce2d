"""Ready messages to start from, in the language their author reads."""
# ruff: noqa: E501  # texts as they are read

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from mailer.composing.blocks.document import MOST_COLUMNS, Content, read
from mailer.composing.drafts import Written, usual_theme
from mailer.composing.ready import letters, offers, regular
from mailer.composing.ready.build import Draft
from mailer.models import Format
from people.models import User


@dataclass(frozen=True, kw_only=True)
class Ready:
    name: str
    title: str | Promise
    purpose: str | Promise
    draft: Draft

    @property
    def thumbnail(self) -> str:
        """The static file that shows its top, in the reader's language."""
        return f"img/messages/ready/{self.name}-{_language(get_language())}.webp"


def _language(code: str | None) -> str:
    return "ru" if (code or "").startswith("ru") else "en"


READY = (
    Ready(name="letter", title=_("Letter"), purpose=_("A few words, from one person to another."), draft=letters.LETTER),
    Ready(name="newsletter", title=_("Newsletter"), purpose=_("A picture, one story, two more."), draft=regular.NEWSLETTER),
    Ready(name="digest", title=_("Digest"), purpose=_("What happened, in short pieces with links."), draft=regular.DIGEST),
    Ready(name="announcement", title=_("Announcement"), purpose=_("One piece of news that everybody should read."), draft=letters.ANNOUNCEMENT),
    Ready(name="offer", title=_("Offer"), purpose=_("What is on offer, for how much, until when."), draft=offers.OFFER),
    Ready(name="products", title=_("Products"), purpose=_("Four things side by side, with prices."), draft=offers.PRODUCTS),
    Ready(name="event", title=_("Event"), purpose=_("Where, when, why, and a button to sign up."), draft=offers.EVENT),
    Ready(name="receipt", title=_("Receipt"), purpose=_("Thanks for an order, and what is in it."), draft=offers.RECEIPT),
    Ready(name="welcome", title=_("Welcome"), purpose=_("For newcomers: three first steps."), draft=letters.WELCOME),
    Ready(name="survey", title=_("Survey"), purpose=_("One question, answered by one click."), draft=regular.SURVEY),
    Ready(name="changelog", title=_("Changelog"), purpose=_("What is new, improved and fixed."), draft=regular.CHANGELOG),
    Ready(name="reminder", title=_("Reminder"), purpose=_("What is due, by when, and what to do."), draft=letters.REMINDER),
)  # fmt: skip
WITH_VIEW = {"view": "on"}  # the link to the mail in a browser
BY_NAME = {one.name: one for one in READY}


def beginning(name: str, *, language: str, owner: User) -> Written | None:
    """What a new message begins with; None if there is no such beginning."""
    if name in (Format.HTML, Format.TEXT):
        return Written(format=name)
    if name == Format.BLOCKS:
        return Written(content=read({"theme": usual_theme(owner) or WITH_VIEW}))
    if name not in BY_NAME:
        return None
    written = written_in(BY_NAME[name], language)
    return Written(
        subject=written.subject,
        content={**written.content, "theme": usual_theme(owner) or written.content["theme"]},
    )


def written_in(ready: Ready, language: str) -> Written:
    """A ready message in one language, with its own look."""
    index = 1 if _language(language) == "ru" else 0
    draft = ready.draft
    stored = {
        "preheader": draft.preheader[index],
        "theme": {**WITH_VIEW, **draft.theme},
        "blocks": _numbered(draft.blocks, index),
    }
    content: Content = read(stored)
    return Written(subject=draft.subject[index], content=content)


def _numbered(blocks: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    number = 0

    def one(block: dict[str, Any]) -> dict[str, Any]:
        nonlocal number
        number += 1
        made: dict[str, Any] = {"id": f"b{number}"}
        for name, value in block.items():
            if name == "columns":
                made[name] = [[one(inner) for inner in column] for column in value]
                made[name] += [[] for _ in range(MOST_COLUMNS - len(value))]
            else:
                made[name] = value[index] if isinstance(value, tuple) else value
        return made

    return [one(block) for block in blocks]
