"""Two-factor secrets are encrypted at rest: a copy of the database opens no account."""

import base64
import hashlib
import logging
import secrets

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser

from people.templatetags.devices import device

MARK = "fernet:"  # without it, a secret is in plain text
log = logging.getLogger(__name__)


def _cipher() -> MultiFernet:
    """Keys derived from SECRET_KEY and from its predecessors."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(f"people.two_factor:{key}".encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class TwoFactorAdapter(DefaultMFAAdapter):
    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        """What a new passkey is called unless its owner says: where it was made, as sessions are."""
        return device(self.request.headers.get("User-Agent", ""))

    def encrypt(self, text: str) -> str:
        return MARK + _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret, or a random one if SECRET_KEY has changed since: then no code fits."""
        if not encrypted_text.startswith(MARK):
            return encrypted_text
        try:
            return _cipher().decrypt(encrypted_text.removeprefix(MARK).encode()).decode()
        except InvalidToken:
            log.exception("A two-factor secret cannot be read: SECRET_KEY changed, without a fallback.")
            return base64.b32encode(secrets.token_bytes(20)).decode()
