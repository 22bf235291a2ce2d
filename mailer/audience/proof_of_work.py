"""A puzzle that costs a browser a second, and a sender of a million forms a month: hashcash over SHA-256.

The challenge is signed and stateless; the cache ensures that each is used only once.
"""

import hashlib
import re
import secrets

from django.core.cache import cache
from django.core.signing import BadSignature, TimestampSigner

BITS = 15  # leading zero bits of the hash: 33,000 tries on average
GOOD_FOR = 60 * 60  # seconds
_NONCE = re.compile(r"[0-9]{1,15}")
_signer = TimestampSigner(salt="mailer.proof_of_work")


def challenge(slug: str) -> str:
    """A new puzzle for a form."""
    return _signer.sign(f"{slug}.{secrets.token_urlsafe(9)}")


def solved(*, slug: str, challenge: str, nonce: str) -> bool:
    """Whether somebody solved this form's puzzle; a second time does not count."""
    if len(challenge) > 200 or not _NONCE.fullmatch(nonce):
        return False
    try:
        value = _signer.unsign(challenge, max_age=GOOD_FOR)
    except BadSignature:
        return False
    digest = hashlib.sha256(f"{challenge}:{nonce}".encode()).digest()
    if value.rpartition(".")[0] != slug or int.from_bytes(digest) >> (256 - BITS):
        return False
    return cache.add(f"proof:{hashlib.sha256(challenge.encode()).hexdigest()}", 1, GOOD_FOR)
