"""Secrets of two-factor log-in are encrypted at rest: a copy of the database opens no account."""

import base64
import hashlib
import logging
import secrets

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

MARK = "fernet:"  # what has none was stored before it was encrypted
log = logging.getLogger(__name__)


def _cipher() -> MultiFernet:
    """Keys made of SECRET_KEY and of those that it was before."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(f"people.two_factor:{key}".encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class TwoFactorAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return MARK + _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret, or one that nobody knows if SECRET_KEY is another one by now: no code fits it."""
        if not encrypted_text.startswith(MARK):
            return encrypted_text
        try:
            return _cipher().decrypt(encrypted_text.removeprefix(MARK).encode()).decode()
        except InvalidToken:
            log.exception("A two-factor secret cannot be read: SECRET_KEY changed, without a fallback.")
            return base64.b32encode(secrets.token_bytes(20)).decode()
