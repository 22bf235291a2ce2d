"""One spelling for each address: for reading, for comparing, and for the wire.

The domain follows IDNA 2008 (RFC 5891), mapped as UTS 46 does without its transitional exceptions. What that
mapping would drop or change is refused, except capital letters, dots and compositions.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, MaxLengthValidator, ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

LONGEST_LOCAL, LONGEST = 64, 254  # octets on the wire (RFC 5321 section 4.5.3.1)
LONGEST_TYPED = 4 * LONGEST  # characters, before they are composed
LONGEST_KEY = 2 * LONGEST  # a capital may become two lower-case letters
NOT_ONE = EmailValidator.message
INVISIBLE = _("There is an invisible character inside the address. Retype it instead of pasting it.")
CHARACTER = _("“%(character)s” is not allowed in an address.")
DOMAIN = _("“%(domain)s” is not a domain name.")
LONG_LOCAL = _("The part before the @ is too long.")
_short = MaxLengthValidator(LONGEST)
_no_null = ProhibitNullCharactersValidator()

# Invisible characters: format characters, default ignorables, fillers, the empty Braille pattern.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_AROUND = re.compile(rf"[\s{_UNSEEN}]*")
_HIDDEN = re.compile(f"[{_UNSEEN}]")
_JOINERS = "\u200c\u200d"  # some scripts need them; IDNA 2008 says where (RFC 5892 appendix A)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_FORBIDDEN = re.compile(r'[\s()<>,;:\\"\[\]@]')
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TOP = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]+")
_USUAL = re.compile(r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@((?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,63})")
# The dots of RFC 3490, and two vowels that keyboards produce precomposed.
_MAPPED = str.maketrans(
    {"\u3002": ".", "\uff0e": ".", "\uff61": ".", "\u0e33": "\u0e4d\u0e32", "\u0eb3": "\u0ecd\u0eb2"}
)


class Address(NamedTuple):
    local: str
    domain: str  # as people read it
    ascii_domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        local = self.local.lower()
        return f"{local if local.isascii() else _nfc(local)}@{self.ascii_domain}"

    @property
    def on_the_wire(self) -> str:
        """With a domain of letters, digits and hyphens (RFC 5890 section 2.3.2.1)."""
        return f"{self.local}@{self.ascii_domain}"


def parse(text: str) -> Address:
    """The parts of an address in their one spelling; raises ValidationError with the reason.

    Blanks and invisible characters around it are removed.
    """
    if (usual := _USUAL.fullmatch(text)) and usual.end(1) <= LONGEST_LOCAL and len(text) <= LONGEST:
        local, domain = usual.groups()
        if "xn--" not in domain and (len(domain) <= 63 or max(map(len, domain.split("."))) <= 63):
            return Address(local, domain, domain)
    address = text.strip() if text.isascii() else _trimmed(text)
    if len(address) > LONGEST_TYPED:  # composing takes its time with what is out of proportion
        _short(address)
    address = _nfc(address)
    _no_null(address)
    _short(address)
    local, at, domain = address.rpartition("@")
    if not at or not domain or any(c.isspace() or unicodedata.category(c) == "Cc" for c in address):
        raise ValidationError(NOT_ONE, code="invalid")
    _refuse_characters(local, domain)
    if not _LOCAL.fullmatch(local):
        raise ValidationError(NOT_ONE, code="invalid")
    if len(local.encode()) > LONGEST_LOCAL:
        raise ValidationError(LONG_LOCAL, code="max_length")
    parsed = Address(local, *_domain(domain))
    _short(parsed.on_the_wire.encode())
    return parsed


def canonical(text: str) -> str:
    """The one spelling of an address, as people read it; raises ValidationError with the reason."""
    return str(parse(text))


def account_address(text: str) -> str:
    """The spelling that people log in with: the local part is in lower case too."""
    address = parse(text)
    return f"{_nfc(address.local.lower())}@{address.domain}"


def spelled(text: str) -> str:
    """An account's address, spelled for a lookup; unchanged if no account can have it."""
    try:
        return account_address(text)
    except ValidationError:
        return text


def key_of(email: str) -> str:
    """The same for all spellings of one mailbox, whichever was stored.

    The local part is compared without case, the domain by its A-label.
    """
    try:
        return nearest(email).key
    except ValidationError:
        return _nfc(email).lower()[:LONGEST_KEY]


def nearest(email: str) -> Address:
    """Parse an address stored before odd spellings were refused, for the mailbox its mail went to."""
    try:
        return parse(email)
    except ValidationError:
        local, at, domain = email.rpartition("@")
        return parse(f"{local}{at}{unicodedata.normalize('NFKC', _HIDDEN.sub('', domain))}")


def _trimmed(text: str) -> str:
    """Without blanks and what nobody sees around it, in linear time."""
    text = text[_AROUND.match(text).end() :]  # type: ignore[union-attr]  # it matches nothing as well
    return text[: len(text) - _AROUND.match(text[::-1]).end()]  # type: ignore[union-attr]


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _refuse_characters(local: str, domain: str) -> None:
    """Name the character that no address may contain."""
    if _HIDDEN.search(local) or _HIDDEN.search(domain.translate(dict.fromkeys(map(ord, _JOINERS)))):
        raise ValidationError(INVISIBLE, code="invalid")
    for character in local if local.isascii() else _unstable(local):
        if _FORBIDDEN.match(character) or not character.isascii():
            raise _refused(character)
    for character in domain:
        if _FORBIDDEN.match(character):
            raise _refused(character)


def _unstable(local: str) -> list[str]:
    """Characters that have another, usual form (full-width letters, ligatures), or occur in no text."""
    mark_first = local[0] if unicodedata.category(local[0])[0] == "M" else ""
    return [
        character
        for character in local
        if (character.isascii() and _FORBIDDEN.match(character))
        or character == mark_first
        or unicodedata.category(character)[0] == "C"
        or (unicodedata.normalize("NFKC", character) != character and ord(character) not in _MAPPED)
    ]


def _refused(character: str) -> ValidationError:
    shown = character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
    return ValidationError(CHARACTER, params={"character": shown}, code="invalid")


@lru_cache(maxsize=4096)
def _domain(text: str) -> tuple[str, str]:
    """A domain as people read it, and in ASCII."""
    try:
        pairs = [_label(label) for label in text.translate(_MAPPED).split(".")]
    except (idna.IDNAError, UnicodeError) as error:
        if _HIDDEN.search(text):
            raise ValidationError(INVISIBLE, code="invalid") from error
        raise _no_domain(text) from error
    shown, plain = (".".join(labels) for labels in zip(*pairs, strict=True))
    if plain != "localhost" and (len(pairs) < 2 or not _TOP.fullmatch(pairs[-1][1])):
        raise _no_domain(text)
    return shown, plain


def _label(written: str) -> tuple[str, str]:
    """A label as people read it, and in ASCII; raises IDNAError unless each maps to the other."""
    if written.isascii():
        plain = written.lower()
        if not _LABEL.fullmatch(plain):
            raise idna.IDNAError(written)
        if not plain.startswith("xn--"):
            return plain, plain
        shown = idna.ulabel(plain)
    else:
        shown = idna.uts46_remap(written, std3_rules=True, transitional=False)
        if _small(shown) != _small(written) or unicodedata.normalize("NFKC", written) != written:
            raise idna.IDNAError(written)
        plain = idna.alabel(shown).decode("ascii")
    if idna.alabel(shown).decode("ascii") != plain or idna.ulabel(plain) != shown:
        raise idna.IDNAError(written)
    return shown, plain


def _small(label: str) -> str:
    return _nfc("".join(map(str.lower, label)))


def _no_domain(text: str) -> ValidationError:
    return ValidationError(DOMAIN, params={"domain": text[:100]}, code="invalid")
