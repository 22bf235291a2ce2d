import re
import unicodedata

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

LONGEST = 150  # characters of a name
WORD = re.compile(r"[^\W_]+")
# Letters, digits and marks that look like a Latin letter.
PAIRS = (
    "аa вb еe кk мm нh оo рp сc тt уy хx іi јj ѕs ԁd һh ԛq ԝw гr пn ӏi αa βb εe ιi κk νv οo ρp τt υu χx "
    "0o 1i 3e 5s 9g li ıi ɩi ɪi ʟi ǀi |i !i ɑa ᴀa ɡg ɢg ᴍm ɴn ꜱs"
)
LOOK_ALIKES = str.maketrans({pair[0]: pair[1] for pair in PAIRS.split()})
# Scripts with letters that pass for one another's; others are written beside Latin without blanks.
ALIKE = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}


# Line breaks and their like; and what turns the text after it around, which no script needs on one line.
_CONTROL = re.compile("[\\x00-\\x1f\\x7f\\x85\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")


def validate_one_line(value: str) -> None:
    """Raise ValidationError for line breaks and control characters, which forge headers or hide words."""
    if _CONTROL.search(value):
        raise ValidationError(_("Line breaks and control characters are not allowed here."), code="control")


def validate_display_name(value: str) -> None:
    """Raise ValidationError for a name that could pass for an address, for us, or for somebody else."""
    validate_one_line(value)
    value = value[:LONGEST]  # what is longer is refused for that; comparing it would take long
    if any(unicodedata.category(char) in ("Cf", "Co", "Cn") for char in value):
        raise ValidationError(_("Invisible characters are not allowed here."), code="invisible")
    plain = unicodedata.normalize("NFKC", value)
    if "@" in plain:
        raise ValidationError(_("A name cannot contain an @."), code="at")
    if any(_mixed(word) for word in WORD.findall(plain)):
        raise ValidationError(_("Use the letters of one alphabet in each word."), code="mixed")
    # Also with marks or blanks between its letters.
    read = {_read(part) for part in (plain, *plain.split(), *WORD.findall(plain))}
    if read & {_read(name) for name in settings.SITE_NAMES}:
        raise ValidationError(_("This is the name of the service itself."), code="reserved")


def _mixed(word: str) -> bool:
    """Letters of two scripts in one word, meant to look like another word."""
    scripts = {unicodedata.name(char, "").partition(" ")[0] for char in word if char.isalpha()}
    return len(scripts & ALIKE) > 1


def _read(text: str) -> str:
    """What a hasty reader takes a text for."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return "".join(WORD.findall(bare.translate(LOOK_ALIKES))).replace("rn", "m")
