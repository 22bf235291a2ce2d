"""The unsubscribe link that every mail carries: signed links and the RFC 8058 headers."""

import hashlib
import json
import re
from binascii import b2a_base64
from contextlib import suppress as suppress_error
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction
from django.urls import reverse

from mailer.composing.signatures import Hmac
from mailer.models import Forgotten, Suppression
from people.addresses import nearest, parse
from people.models import User

_SALT = "mailer.unsubscribe"
_AS_IT_IS = re.compile(r"[A-Za-z0-9@.+_-]*")  # needs no escape in JSON
LONGEST_QUOTED = 400
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_signer = Signer(salt=_SALT)


class Tokens:
    """Signed, permanent tokens of one owner: they must work long after delivery and client are deleted."""

    def __init__(self, owner_id: int, *, mailing_id: int | None = None) -> None:
        self._owner_id = owner_id
        self._mailing = f",{mailing_id}" if mailing_id else ""
        self._hmac = Hmac(_key(settings.SECRET_KEY))

    def make(self, email: str) -> str:
        """The same as `_signer.sign_object([owner_id, email, mailing_id])`, in a fraction of the time."""
        quoted = f'"{email}"' if _AS_IT_IS.fullmatch(email) else _quoted(email)
        value = _base64(f"[{self._owner_id},{quoted}{self._mailing}]".encode("ascii"))
        return (value + b":" + _base64(self._hmac.digest(value))).decode("ascii")


class Link(NamedTuple):
    """A token's content: whose mail came to which address, and from which mailing, if any."""

    owner_id: int
    email: str
    mailing_id: int | None = None


def token_for(*, owner_id: int, email: str, mailing_id: int | None = None) -> str:
    return Tokens(owner_id, mailing_id=mailing_id).make(email)


def _quoted(email: str) -> str:
    """As JSON; with the domain in ASCII if the link would not fit on a header line otherwise."""
    quoted = json.dumps(email)
    if len(quoted) > LONGEST_QUOTED:
        with suppress_error(ValidationError):
            quoted = json.dumps(parse(email).on_the_wire)
    return quoted


def _base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return hashlib.sha256(f"{_SALT}signer{secret}".encode()).digest()


def read_token(token: str) -> Link | None:
    """A token's content, or None if it is not one of ours."""
    try:
        return Link(*_signer.unsign_object(token))
    except (BadSignature, ValueError, TypeError, UnicodeError):
        return None


def link(token: str) -> str:
    return f"{settings.SITE_URL}{reverse('unsubscribe', args=[token])}"


def headers(token: str) -> dict[str, str]:
    """List-Unsubscribe (RFC 2369 section 3.2) and List-Unsubscribe-Post (RFC 8058 section 3.1)."""
    ways = [f"<{link(token)}>"]
    if settings.MAIL_UNSUBSCRIBE_MAILTO:
        ways.append(f"<mailto:{settings.MAIL_UNSUBSCRIBE_MAILTO}?subject={token}>")
    return {"List-Unsubscribe": ", ".join(ways), "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def suppress(
    *,
    owner_id: int,
    email: str,
    reason: str,
    attempt_id: int | None = None,
    why: str = "",
    until: datetime | None = None,
) -> bool:
    """Stop mail from this owner to this address; return whether that is new. Never raises IntegrityError.

    `attempt_id`: the run whose mail is the cause; `why`: the reason a recipient gave; `until`: the end of a
    pause.
    """
    with suppress_error(ValidationError):  # stored before odd spellings were refused
        email = str(nearest(email))
    there = Suppression.objects.matching_address(email, owner_id)
    if there.exists():
        # Only a pause is replaced, and counts as new: a pause would end, and this does not.
        values = {"reason": reason, "attempt_id": attempt_id, "why": why, "until": None}
        return until is None and bool(there.filter(reason=Suppression.Reason.PAUSED).update(**values))
    if not User.objects.filter(pk=owner_id).exists():
        return False
    if Forgotten.objects.matching_address(
        email, owner_id
    ).exists():  # who is never mailed, and must not be named
        return False
    try:
        with transaction.atomic():
            Suppression.objects.create(
                owner_id=owner_id,
                email=email,
                reason=reason,
                attempt_id=attempt_id,
                why=why,
                until=until,
            )
    except IntegrityError:  # the same click twice at once
        return False
    return True
