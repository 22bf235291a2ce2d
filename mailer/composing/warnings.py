"""What an author may want to know before sending, though nothing forbids it."""

import re

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailer.composing.markup.liquid_tags import tags_of

GMAIL_CUTS_AT = 102 * 1024  # octets of the HTML part
_FOREIGN = re.compile(
    r"\*\|[A-Z][A-Z0-9_:]*\|\*"  # Mailchimp
    r"|%%[A-Za-z_][\w ]*%%"  # Salesforce
    r"|%[A-Z][A-Z_]+%"  # ActiveCampaign
    r"|\[\[[A-Za-z_][\w .:-]*\]\]"
    r"|\$\{[A-Za-z_][\w.]*\}"
    r"|\{\$?[A-Za-z_][\w.]*(?:\|[^{}\n]*)?\}"  # MailerLite, many others
    r"|(?<![\w-])-(?:(?:first|last|full)?_?name|email)-(?![\w-])"  # SendGrid
    r"|\[(?:f|l|first|last|full)?[_ ]?(?:name|email)\]"
    r"|<%=?.*?%>"
    r"|<<[A-Za-z_][\w ]*>>",
    re.IGNORECASE,
)
_NOT_READ = re.compile(r"<style\b.*?</style\s*>|<script\b.*?</script\s*>", re.IGNORECASE | re.DOTALL)


def foreign_placeholders(subject: str, body: str) -> list[str]:
    """Merge fields in the manner of other programs, each once and in order: they go out as they are."""
    found: dict[str, None] = {}
    for source in (subject, _NOT_READ.sub(" ", body)):
        for match in _FOREIGN.finditer(_without_ours(source)):
            found[match[0]] = None
    return list(found)


def _without_ours(source: str) -> str:
    pieces, position = [], 0
    for tag in tags_of(source):
        pieces.append(source[position : tag.start])
        position = tag.end
    return "\x00".join([*pieces, source[position:]])


def warnings(*, subject: str, body: str, html: str) -> list[str]:
    """All that an author should know; `html` is the part that is sent."""
    return [found for found in (placeholder_warning(subject, body), size_warning(html)) if found]


def placeholder_warning(subject: str, body: str) -> str:
    """A sentence about foreign placeholders, or nothing."""
    found = foreign_placeholders(subject, body)
    if not found:
        return ""
    return ngettext(
        "%(names)s looks like a merge field of another program and is sent as it is. Write %(ours)s.",
        "%(names)s look like merge fields of another program and are sent as they are. Write %(ours)s.",
        len(found),
    ) % {"names": ", ".join(found[:5]), "ours": "{{ first_name }}"}


def size_warning(html: str) -> str:
    """A sentence if Gmail would cut this HTML part, or nothing."""
    size = len(html.encode())
    if size <= GMAIL_CUTS_AT:
        return ""
    return _("The HTML part is %(size)s kB. Gmail cuts off everything beyond %(limit)s kB.") % {
        "size": -(-size // 1024),
        "limit": GMAIL_CUTS_AT // 1024,
    }
