"""What can be seen in a message itself, at once, without the network."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailer.checking.fields import gaps
from mailer.checking.findings import Finding, place_of, shortened, worst_first
from mailer.checking.placeholders import foreign_placeholders
from mailer.composing.blocks.document import walk
from mailer.composing.compiling import Compiled
from mailer.composing.drafts import Written
from mailer.composing.looking import Look
from mailer.models import Client, Format
from mailer.models.attribute import SALUTATION
from mailer.models.client import ClientQuerySet
from people.models import User

GMAIL_CUTS_AT = 102 * 1024  # octets of the HTML part
LONG_SUBJECT, SUBJECT_ON_PHONES = 70, 40  # characters
SHORT_TEXT = 40  # characters of a text part that says next to nothing
_CLOSED_TO_OTHERS = re.compile(r"\s*(?:#.*|javascript:.*)?", re.IGNORECASE)
_FOLLOWED = re.compile(r"\s*(?:https?://|mailto:|tel:|sms:|\{[{%])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A message that could be prepared."""

    written: Written
    look: Look
    compiled: Compiled
    clients: ClientQuerySet


def check(
    *, written: Written, look: Look, owner: User, clients: ClientQuerySet | None = None
) -> list[Finding]:
    """Everything to say about a message without the network, the worst first.

    `look`: what was made of it; `clients`: who would get it, by default all clients of its owner.
    """
    if look.compiled is None:
        return [Finding.bad(_("It cannot be sent: %(reason)s") % {"reason": look.problem}, place="id_body")]
    audience = Client.objects.owned_by(owner) if clients is None else clients
    checked = Checked(written=written, look=look, compiled=look.compiled, clients=audience)
    checks = (_subject, _placeholders, _gaps, _links, _pictures, _size, _text_part, _preheader, _way_out)
    return worst_first([finding for look_at in checks for finding in look_at(checked)])


def _subject(checked: Checked) -> Iterator[Finding]:
    subject = checked.look.subject
    if not subject:
        yield Finding.bad(
            _("There is no subject."), _("Say in a few words what the mail is about."), "id_subject"
        )
    elif len(subject) > LONG_SUBJECT:
        yield Finding.warn(
            _("The subject has %(number)s characters. Inboxes cut it off after about %(limit)s.")
            % {"number": len(subject), "limit": LONG_SUBJECT},
            _("Put what matters into the first %(number)s, which phones show.")
            % {"number": SUBJECT_ON_PHONES},
            "id_subject",
        )


def _placeholders(checked: Checked) -> Iterator[Finding]:
    found = foreign_placeholders(checked.written.subject, _source(checked))
    if found:
        text = ngettext(
            "%(names)s looks like a merge field of another program and is sent as it is.",
            "%(names)s look like merge fields of another program and are sent as they are.",
            len(found),
        )
        yield Finding.bad(
            text % {"names": ", ".join(found[:5])},
            _("Write %(ours)s instead.") % {"ours": "{{ first_name }}"},
            place_of(checked.written, found[0]),
        )


def _source(checked: Checked) -> str:
    """What its author typed: the HTML made from blocks has style sheets and tags of ours."""
    if checked.written.format != Format.BLOCKS:
        return checked.written.body
    blocks = walk(checked.written.content["blocks"])
    return "\n".join(value for block in blocks for value in block.values() if isinstance(value, str))


def _gaps(checked: Checked) -> Iterator[Finding]:
    for gap in gaps(compiled=checked.compiled, clients=checked.clients):
        name = _("salutation or first name") if gap.name == SALUTATION else gap.name
        values = {"number": gap.number, "of": gap.of, "name": name}
        if gap.more:
            text = _("%(number)s of the first %(of)s clients have no %(name)s: a gap in their mail.") % values
        else:
            text = (
                ngettext(
                    "%(number)s of %(of)s clients has no %(name)s: a gap in their mail.",
                    "%(number)s of %(of)s clients have no %(name)s: a gap in their mail.",
                    gap.number,
                )
                % values
            )
        example = f"{{{{ {gap.name} | default: '…' }}}}"
        yield Finding.warn(
            text,
            _("Say what to put there instead: %(example)s") % {"example": example},
            place_of(checked.written, gap.name),
        )


def _links(checked: Checked) -> list[Finding]:
    bad = [link for link in dict.fromkeys(checked.compiled.facts.links) if not _FOLLOWED.match(link)]
    return shortened(_bad_link(address, checked.written) for address in bad)


def _bad_link(address: str, written: Written) -> tuple[str, Finding]:
    if _CLOSED_TO_OTHERS.fullmatch(address):
        kind = "nowhere"
        text = (
            _("A link leads nowhere.") if not address.strip() else _("A link leads nowhere: “%(address)s”.")
        )
    else:
        kind, text = "no site", _("A link does not say which site it leads to: “%(address)s”.")
    remedy = _("Write the full address, beginning with https://.")
    return kind, Finding.bad(text % {"address": address[:100]}, remedy, place_of(written, address))


def _pictures(checked: Checked) -> Iterator[Finding]:
    without = [source for source, alt in checked.compiled.facts.pictures if alt is None or not alt.strip()]
    if without and checked.written.format == Format.BLOCKS:
        without = _blocks_without_alt(checked.written)
    if without:
        text = ngettext(
            "%(number)s picture has no alternative text.",
            "%(number)s pictures have no alternative text.",
            len(without),
        )
        yield Finding.warn(
            text % {"number": len(without)},
            _("Inboxes often hide pictures, and blind people cannot see them: describe it."),
            without[0] if checked.written.format == Format.BLOCKS else place_of(checked.written, without[0]),
        )


def _blocks_without_alt(written: Written) -> list[str]:
    """Pictures that the author placed; our dividers and spacers need no text."""
    return [
        block["id"]
        for block in walk(written.content["blocks"])
        if block["type"] == "picture" and not block.get("alt", "").strip()
    ]


def _size(checked: Checked) -> Iterator[Finding]:
    size = checked.look.size
    if size > GMAIL_CUTS_AT:
        yield Finding.warn(
            _("The HTML part is %(size)s kB. Gmail cuts off everything beyond %(limit)s kB.")
            % {"size": -(-size // 1024), "limit": GMAIL_CUTS_AT // 1024},
            _("Shorten it, or link to the rest. Pictures count only if they are in the source itself."),
            "id_body" if checked.written.format != Format.BLOCKS else "",
        )


def _text_part(checked: Checked) -> Iterator[Finding]:
    pictures = checked.compiled.facts.pictures
    words = _without_ours(checked)
    if pictures and len(words) < SHORT_TEXT:
        yield Finding.warn(
            _("The mail says next to nothing without its pictures."),
            _("Write what matters as text: filters distrust a mail that is just one picture."),
            "id_body" if checked.written.format != Format.BLOCKS else "",
        )


def _without_ours(checked: Checked) -> str:
    """The words of the text part, without addresses and the two lines of an added footer."""
    lines = [line for line in checked.look.text.splitlines() if line.strip()]
    lines = lines if checked.compiled.facts.own_way_out else lines[:-2]
    return " ".join(word for line in lines for word in line.split() if "://" not in word)


def _preheader(checked: Checked) -> Iterator[Finding]:
    if checked.written.format == Format.BLOCKS and not checked.written.content["preheader"].strip():
        yield Finding.note(
            _("There is no preheader: inboxes show the first words of the mail beside the subject."),
            _("Write a sentence that makes people open it."),
            "id_preheader",
        )


def _way_out(checked: Checked) -> Iterator[Finding]:
    if not checked.compiled.facts.own_way_out:
        yield Finding.note(
            _(
                "Not everybody would see an unsubscribe link of yours,"
                " so a line with one is added at the end."
            ),
            _("To choose its place, link to %(field)s.") % {"field": "{{ unsubscribe_url }}"},
        )
