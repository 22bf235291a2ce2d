"""Merge fields in the manner of other programs, which go out as they are."""

import re

from mailer.composing.markup.liquid_tags import tags_of

_FOREIGN = re.compile(
    r"\*\|[A-Z][A-Z0-9_:]*\|\*"  # Mailchimp
    r"|%%[A-Za-z_][\w ]*%%"  # Salesforce
    r"|%[A-Z][A-Z_]+%"  # ActiveCampaign
    r"|%[A-Za-z_]+\.[A-Za-z_][\w.]*%"  # Mailgun
    r"|##[A-Za-z_]\w*##|@@[A-Za-z_]\w*@@"
    r"|\[(?:subscriber|contact|user|member):[\w ]+\]"  # MailPoet
    r"|\$(?:first|last|full)?_?name\$"
    r"|\[\[[A-Za-z_][\w .:-]*\]\]"
    r"|\$\{[A-Za-z_][\w.]*\}"
    r"|\{[$!]?[A-Za-z_][\w.]*(?:\|[^{}\n]*)?\}"  # MailerLite, AWeber, many others
    r"|\{(?:first|last|full) name\}"
    r"|(?<![\w-])-(?:(?:first|last|full)?_?name|email)-(?![\w-])"  # SendGrid
    r"|\[(?:f|l|first|last|full)?[_ ]?(?:name|email)(?:,[^\]\n]*)?\]"  # Campaign Monitor
    r"|<%=?.{0,200}?%>"
    r"|<<[A-Za-z_][\w ]*>>",
    re.IGNORECASE,
)
_NOT_READ = re.compile(
    r"<style\b.*?(?:</style\s*>|\Z)|<script\b.*?(?:</script\s*>|\Z)", re.IGNORECASE | re.DOTALL
)


def foreign_placeholders(subject: str, body: str) -> list[str]:
    """Each once and in order."""
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
