"""A message, compiled once per attempt: styles inlined, a text part made, merge fields parsed."""

import re
import secrets
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.html import escape, linebreaks, urlize
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from mailer.composing.headers import one_line
from mailer.composing.html import prepare
from mailer.composing.merge import HTML, MERGE_FIELDS, SAMPLE, check_template, parse, refuse_excess
from mailer.models import Message
from people.models import User

__all__ = [
    "MERGE_FIELDS",
    "Compiled",
    "Preview",
    "check_message",
    "check_template",
    "compile_message",
    "one_line",
    "preview",
]

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# Only what HTML knows: “<anna@example.com>” in a plain text is no tag.
_TAG = re.compile(
    r"</?(?:a|abbr|address|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|col|colgroup|"
    r"dd|del|div|dl|dt|em|figcaption|figure|font|footer|h[1-6]|head|header|hr|html|i|img|ins|li|link|main|mark|"
    r"meta|nav|ol|p|pre|q|s|section|small|span|strike|strong|style|sub|sup|table|tbody|td|tfoot|th|thead|title|"
    r"tr|tt|u|ul)(?:\s[^<>]*|/)?>|<!--|<!doctype",
    re.IGNORECASE,
)
_LINK = re.compile(r"\[([^\[\]\n]*)\]\(([^()\s]+)\)")
_KEY = secrets.token_hex(6)  # so that no body can hold a stand-in of its own
_STAND_IN = re.compile(rf"LQ{_KEY}N(\d+)X")
_WAY_OUT = re.compile(r"\{\{-?\s*unsubscribe_url\s*-?\}\}")


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

    def fill(self, values: dict[str, str]) -> Preview:
        """Merge one recipient's values; LiquidError if a filter cannot take them."""
        return Preview(
            subject=one_line(self.subject.render(**values)),
            html=self.html.render(**values),
            text=self.text.render(**values),
        )


def compile_message(*, subject: str, body: str) -> Compiled:
    """Inline the style sheets, make the text part and parse all three; LiquidError on bad syntax.

    The Liquid tags are taken out while HTML tools are at work, which would otherwise escape them.
    """
    refuse_excess(subject)
    refuse_excess(body)
    tags: list[str] = []

    def take_out(match: re.Match[str]) -> str:
        tags.append(match[0])
        return f"LQ{_KEY}N{len(tags) - 1}X"

    def put_back(text: str) -> str:
        return _STAND_IN.sub(lambda match: tags[int(match[1])], text)

    body = _with_way_out(body, _language(subject + body))
    plain = _LIQUID.sub(take_out, body.replace("\r\n", "\n").replace("\r", "\n"))
    if _TAG.search(plain):
        inlined, words = prepare(_document(plain))
        html, text = put_back(inlined), put_back(_readable(words))
    else:
        html = _WAY_OUT.sub(_anchor, put_back(_document(linebreaks(urlize(escape(plain))))))
        text = put_back(plain)
    return Compiled(
        subject=parse(subject), html=parse(html, environment=HTML), text=parse(text.strip() + "\n")
    )


def check_message(*, subject: str, body: str) -> None:
    """Raise ValidationError unless the message as a whole can be prepared and filled for anybody."""
    try:
        compiled = compile_message(subject=subject, body=body)
        for values in (SAMPLE, *(dict.fromkeys(SAMPLE, value) for value in ("", "9" * 150))):
            compiled.fill(values)
    except LiquidError as error:
        raise ValidationError(
            _("This message cannot be prepared: %(reason)s."), params={"reason": error.message}, code="excess"
        ) from error


def preview(*, message: Message, owner: User) -> Preview:
    """The message as a sample recipient would get it; LiquidError if it was saved with bad syntax."""
    return preview_of(subject=message.subject, body=message.body, owner=owner)


def preview_of(*, subject: str, body: str, owner: User) -> Preview:
    """A subject and body as a sample recipient would get them; LiquidError on bad syntax."""
    compiled = compile_message(subject=subject, body=body)
    return compiled.fill({**SAMPLE, "sender_name": owner.get_short_name()})


def _readable(text: str) -> str:
    """A text part as people read it: links as “words: address”, and no more than one empty line in a row."""

    def link(match: re.Match[str]) -> str:
        words, address = match[1].strip(), match[2]
        return address if words in ("", address) else f"{words}: {address}"

    return re.sub(r"\n[ \n]*\n", "\n\n", _LINK.sub(link, text))


def _with_way_out(body: str, language: str) -> str:
    """Add a visible unsubscribe link in the language of the message, unless the body has its own."""
    if re.search(r"\{\{-?\s*unsubscribe_url\b", body):
        return body
    with translation.override(language):
        why = gettext("You receive this mail from {{ sender_name }}.")
        out = gettext("Unsubscribe")
    if not _TAG.search(_LIQUID.sub("", body)):
        return f"{body.rstrip()}\n\n-- \n{why}\n{out}: {{{{ unsubscribe_url }}}}\n"
    footer = (
        '<p style="margin-top:32px;padding-top:12px;border-top:1px solid #cccccc;'
        'font-size:12px;color:#666666">'
        f'{why} <a href="{{{{ unsubscribe_url }}}}" style="color:#666666">{out}</a></p>'
    )
    end = body.lower().rfind("</body>")
    return f"{body[:end]}{footer}{body[end:]}" if end >= 0 else body + footer


def _anchor(match: re.Match[str]) -> str:
    return f'<a href="{match[0]}">{match[0]}</a>'


def _document(html: str) -> str:
    if re.search(r"<html[\s>]", html, re.IGNORECASE):
        return html
    return f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{html}</body></html>'


def _language(body: str) -> str:
    letters = _LIQUID.sub("", _TAG.sub("", body))
    cyrillic = len(re.findall(r"[а-яё]", letters, re.IGNORECASE))
    return "ru" if cyrillic > len(re.findall(r"[a-z]", letters, re.IGNORECASE)) else "en"
