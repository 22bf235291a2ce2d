"""The address at which a recipient can read their own mail in a browser, without log-in."""

import hmac
from binascii import b2a_base64
from functools import lru_cache

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from mailer.composing.signatures import Hmac

OF_A_TEST = "test"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def token_for(*, pk: int, message_id: str, secret: str | None = None) -> str:
    """The delivery, signed together with its Message-ID, so that no other mail can get this address."""
    signed = _hmac(secret or settings.SECRET_KEY).digest(f"{pk} {message_id}".encode())
    signature = b2a_base64(signed[:16], newline=False).translate(_URL_SAFE, b"=")
    return f"{pk}-{signature.decode('ascii')}"


def delivery_of(token: str) -> int | None:
    """The delivery that a token names, signed or not; None if it names none."""
    pk, _dash, _signature = token.partition("-")
    return int(pk) if pk.isascii() and pk.isdecimal() and len(pk) < 19 else None


def is_signed(token: str, *, pk: int, message_id: str) -> bool:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(
        constant_time_compare(token, token_for(pk=pk, message_id=message_id, secret=secret))
        for secret in secrets
    )


def link(token: str) -> str:
    return f"{settings.SITE_URL}{reverse('mail_view', args=[token])}"


@lru_cache(maxsize=4)
def _hmac(secret: str) -> Hmac:
    return Hmac(hmac.digest(secret.encode(), b"mailer.view", "sha256"))
