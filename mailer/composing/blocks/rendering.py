"""Turns blocks into the HTML that is stored with the message and sent."""

import json
from pathlib import Path

from django.utils import translation
from django.utils.translation import gettext as _

from mailer.composing.blocks.document import Content, walk
from mailer.composing.blocks.mjml import Pictures, fill, mjml_of
from mailer.composing.html import answer_of
from mailer.composing.languages import language_of
from mailer.composing.merge import CannotCompile, refuse_excess

LONGEST_VALUE = 20_000  # characters
PROGRAM = Path(__file__).with_name("mjml_process.py")


def html_of(content: Content, *, pictures: Pictures, subject: str = "") -> str:
    """The HTML of a message in blocks, with its merge fields; raises CannotCompile."""
    refuse_out_of_proportion(content)
    language = language_of_blocks(content, subject)
    with translation.override(language):
        leave, view = _("Unsubscribe"), _("View in your browser")
    mjml, values = mjml_of(content, pictures=pictures, language=language, leave=leave, view=view)
    answer = answer_of(json.dumps({"mjml": mjml}), program=PROGRAM)
    if "html" not in answer:
        raise CannotCompile(_("the blocks could not be laid out"), token=None)
    return fill(answer["html"], values)


def refuse_out_of_proportion(content: Content) -> None:
    """Check a draft in linear time before slower patterns see it: it holds whatever was typed."""
    for block in (content["theme"], *walk(content["blocks"])):
        for name, value in block.items():
            if isinstance(value, str) and name != "html" and len(value) > LONGEST_VALUE:
                what = _("a block holds more than %(number)s characters") % {"number": LONGEST_VALUE}
                raise CannotCompile(what, token=None)
            if isinstance(value, str) and "{" in value:
                refuse_excess(value)
    refuse_excess(content["preheader"])


def language_of_blocks(content: Content, subject: str) -> str:
    typed = [subject, content["preheader"]]
    typed += [block.get(name, "") for block in walk(content["blocks"]) for name in ("text", "html", "alt")]
    return language_of(" ".join(typed))
