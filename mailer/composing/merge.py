"""Merge fields: a small, safe subset of Liquid.

It keeps only tags and filters whose output is at most a small multiple of their input: with loops,
assignments or `replace`, a message of a few lines could grow without bound in the worker. For the same reason
tags are short, few, and have few filters; that also bounds the parser's time.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError

from mailer.composing.first_names import first_name
from mailer.composing.formats import date_filter, number_filter

MERGE_FIELDS: dict[str, str | Promise] = {
    "full_name": _("the client's full name"),
    "first_name": _("the client's first name, if the full name shows which it is"),
    "salutation": _("how you greet the client: their “salutation”, otherwise the first name"),
    "email": _("the client's email address"),
    "sender_name": _("your name, or your email address"),
    "unsubscribe_url": _("the address of the client's unsubscribe page"),
    "view_url": _("the address of the client's own mail in a browser"),
}
SAMPLE = {
    "full_name": "Anna Petrova",
    "first_name": "Anna",
    "salutation": "Anna",
    "email": "anna@example.com",
    "sender_name": "Sender",
    "unsubscribe_url": "https://example.com/u/sample/",
    "view_url": "https://example.com/v/sample/",
}
_IN_RUSSIAN = {"full_name": "Анна Петрова", "first_name": "Анна", "salutation": "Анна"}
LONGEST_TAG = 500  # characters
MOST_FILTERS = 5
MOST_TAGS = 1000
_OPENER = re.compile(r"\{[{%]")
TAGS = {"content", "illegal", "output", "#", "comment", "if", "unless", "case"}
FILTERS = {
    "append", "capitalize", "date", "default", "downcase", "escape", "escape_once", "first", "last",
    "lstrip", "number", "prepend", "remove", "rstrip", "size", "slice", "split", "squish", "strip",
    "strip_html", "strip_newlines", "truncate", "truncatewords", "upcase", "url_encode",
}  # fmt: skip


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(autoescape=autoescape, undefined=StrictUndefined, strict_filters=True)
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in TAGS}
    environment.filters = {name: fn for name, fn in environment.filters.items() if name in FILTERS}
    environment.filters |= {"date": date_filter, "number": number_filter}
    return environment


TEXT = _environment(autoescape=False)
HTML = _environment(autoescape=True)


class CannotCompile(LiquidError):
    """A message takes more to prepare than any honest one."""


def refuse_excess(source: str) -> None:
    """Raise CannotCompile unless tags are few, and each is closed, short, and has few filters."""
    position = number = 0
    while opener := _OPENER.search(source, position):
        start = opener.end()
        end = source.find("}}" if opener[0] == "{{" else "%}", start, start + LONGEST_TAG)
        inside = source[start:end]
        if end < 0 or _OPENER.search(inside):
            _excess(_("a merge field is not closed within %(number)s characters"), source, start, LONGEST_TAG)
        if inside.count("|") > MOST_FILTERS:
            _excess(_("a merge field has more than %(number)s filters"), source, start, MOST_FILTERS)
        position, number = end + 2, number + 1
        if number > MOST_TAGS:
            _excess(_("there are more than %(number)s merge fields"), source, start, MOST_TAGS)


def _excess(what: Any, source: str, at: int, number: int) -> None:
    where = gettext("%(what)s (line %(line)s)") % {
        "what": what % {"number": number},
        "line": source.count("\n", 0, at) + 1,
    }
    raise CannotCompile(where, token=None)


def parse(source: str, *, environment: Environment = TEXT) -> BoundTemplate:
    """Parse a template; raises LiquidError if its syntax is wrong or it is out of proportion."""
    refuse_excess(source)
    return environment.from_string(source)


def parse_our_own(source: str, *, environment: Environment) -> BoundTemplate:
    """Parse what was made from a template that passed: it may have a few more tags."""
    return environment.from_string(source)


def sample_in(language: str) -> dict[str, str]:
    """The sample recipient of a message in this language."""
    return {**SAMPLE, **(_IN_RUSSIAN if language == "ru" else {})}


def check_template(source: str, *, attributes: Mapping[str, str] | None = None) -> None:
    """Raise ValidationError, saying what and where, unless the source can be merged for every recipient.

    `attributes`: the owner's attributes for a sample recipient.
    """
    known = {**SAMPLE, **(attributes or {})}
    try:
        template = parse(source)
        _refuse_unknown(template, known)
        template.render(**known)
    except CannotCompile as error:
        raise ValidationError(
            _("The merge fields cannot be read: %(reason)s."), params={"reason": error.message}, code="excess"
        ) from error
    except LiquidError as error:
        line = source.count("\n", 0, error.token.start_index) + 1 if error.token else 1
        raise ValidationError(
            _("The merge fields cannot be read: %(reason)s (line %(line)s)."),
            params={"reason": error.message, "line": line},
            code="syntax",
        ) from error


def _refuse_unknown(template: BoundTemplate, known: Collection[str]) -> None:
    names = sorted(set(template.global_variables()) - set(known))
    if names:
        raise ValidationError(
            _("There is no merge field “%(name)s”. Available: %(known)s."),
            params={"name": names[0], "known": ", ".join(known)},
            code="unknown_field",
        )
    filters = sorted(set(template.filter_names()) - FILTERS)
    if filters:
        raise ValidationError(
            _("There is no filter “%(name)s”. Available: %(known)s."),
            params={"name": filters[0], "known": ", ".join(sorted(FILTERS))},
            code="unknown_filter",
        )


def values_for(
    *, full_name: str, email: str, sender_name: str, unsubscribe_url: str, view_url: str = ""
) -> dict[str, str]:
    """The values of the merge fields in one recipient's mail."""
    first = first_name(full_name)
    return {
        "full_name": full_name,
        "first_name": first,
        "salutation": first,  # unless the client has an attribute of that name: see AttributeValues
        "email": email,
        "sender_name": sender_name,
        "unsubscribe_url": unsubscribe_url,
        "view_url": view_url,
    }
