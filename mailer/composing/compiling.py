"""A message, compiled once per attempt: styles inlined, a text part made, merge fields parsed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from mailer.composing.attribute_values import nothing, samples
from mailer.composing.headers import one_line
from mailer.composing.html import LARGEST, MOST_FACTS, Facts, Prepared, look, prepare
from mailer.composing.languages import language_of
from mailer.composing.merge import (
    HTML,
    MERGE_FIELDS,
    SAMPLE,
    TEXT,
    CannotCompile,
    check_template,
    parse,
    parse_our_own,
    refuse_excess,
    sample_in,
)  # fmt: skip
from mailer.composing.plain_text import as_html, links_in, names_way_out
from mailer.models import Format
from mailer.models.attribute import kinds_of
from people.models import User

__all__ = [
    "MERGE_FIELDS",
    "Compiled",
    "Preview",
    "check_message",
    "check_template",
    "compile_message",
    "one_line",
    "preview_of",
]

_DOCUMENT = re.compile(r"<(?:html|head|body)[\s>]|<!doctype", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    subject: str
    html: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """Subject, HTML and text as parsed templates; only merge values are filled in per recipient."""

    subject: BoundTemplate
    html: BoundTemplate
    text: BoundTemplate
    language: str
    facts: Facts

    @cached_property
    def names(self) -> frozenset[str]:
        """The merge fields that it has."""
        parts = (self.subject, self.html, self.text)
        return frozenset(name for part in parts for name in part.global_variables())

    def fill(self, values: dict[str, str]) -> Preview:
        """Merge one recipient's values; raises LiquidError if a filter cannot take them."""
        return Preview(
            subject=one_line(self.subject.render(**values)),
            html=self.html.render(**values),
            text=self.text.render(**values),
        )


def compile_message(*, subject: str, body: str, format: str = Format.HTML) -> Compiled:
    """Inline the style sheets, make the text part and parse all three.

    Raises LiquidError on bad syntax, and CannotCompile if HTML and Liquid do not fit together or it takes too
    much.
    """
    subject_template = parse(subject)
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    refuse_excess(body)
    _refuse_large(body, format)
    parse(body, environment=HTML)  # each block ends
    language = language_of(f"{subject} {body}")
    html, text, facts = _parts(body, format, language)
    return Compiled(
        subject=subject_template,
        html=parse_our_own(html, environment=HTML),
        text=parse_our_own(text.strip() + "\n", environment=TEXT),
        language=language,
        facts=facts,
    )


def _refuse_large(body: str, format: str) -> None:
    if format != Format.TEXT:
        look(body)
    elif len(body) > LARGEST:
        what = gettext("this text is longer than %(number)s characters") % {"number": LARGEST}
        raise CannotCompile(what, token=None)


def _parts(body: str, format: str, language: str) -> Prepared:
    why, out = _way_out(language)
    if format != Format.TEXT:
        footer = _FOOTER % {"why": why, "out": out}
        return prepare(
            _document(body), footer_html=footer, footer_text=[why, f"{out}: {{{{ unsubscribe_url }}}}"]
        )
    facts = Facts(links=tuple(islice(links_in(body), MOST_FACTS)), own_way_out=names_way_out(body))
    if not facts.own_way_out:
        body = f"{body.rstrip()}\n\n-- \n{why}\n{out}: {{{{ unsubscribe_url }}}}\n"
    return Prepared(_document(as_html(body)), body, facts)


def check_message(
    *, subject: str, body: str, format: str = Format.HTML, kinds: Mapping[str, str] | None = None
) -> None:
    """Raise ValidationError unless the message can be prepared and filled for anybody.

    `kinds`: those of the owner's attributes.
    """
    some, none = samples(kinds or {}), nothing(kinds or {})
    try:
        compiled = compile_message(subject=subject, body=body, format=format)
        compiled.fill({**SAMPLE, **some})
        for value in ("", "9" * 150):
            compiled.fill({**dict.fromkeys(SAMPLE, value), **none})
    except LiquidError as error:
        raise ValidationError(
            _("This message cannot be prepared: %(reason)s."), params={"reason": error.message}, code="excess"
        ) from error


def preview_of(*, subject: str, body: str, owner: User, format: str = Format.HTML) -> Preview:
    """A subject and body as a sample recipient would get them; raises LiquidError on bad syntax."""
    compiled = compile_message(subject=subject, body=body, format=format)
    values = {**sample_in(compiled.language), "sender_name": owner.get_short_name()}
    if others := compiled.names - set(SAMPLE):
        values |= nothing(others) | samples(kinds_of(owner))
    return compiled.fill(values)


def sample_subject(*, subject: str, owner: User) -> str:
    """A subject as a sample recipient reads it; unchanged if it cannot be filled."""
    try:
        template = parse(subject)
        values = {**sample_in(language_of(subject)), "sender_name": owner.get_short_name()}
        if others := set(template.global_variables()) - set(SAMPLE):
            values |= nothing(others) | samples(kinds_of(owner))
        filled = template.render(**values)
    except LiquidError:
        return subject
    return one_line(filled) or subject


_FOOTER = (
    '<p style="margin-top:32px;padding-top:12px;border-top:1px solid #cccccc;'
    'font-size:12px;color:#666666">'
    '%(why)s <a href="{{ unsubscribe_url }}" style="color:#666666">%(out)s</a></p>'
)


def _way_out(language: str) -> tuple[str, str]:
    with translation.override(language):
        return gettext("You receive this mail from {{ sender_name }}."), gettext("Unsubscribe")


def _document(html: str) -> str:
    if _DOCUMENT.search(html):
        return html
    return f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{html}</body></html>'
