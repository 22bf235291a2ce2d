"""What a browser does before it sends a sign-up form."""

import hashlib
from itertools import count

from mailer.audience.proof_of_work import BITS, challenge


def solution(slug: str) -> dict[str, str]:
    """The fields of a puzzle that is solved."""
    puzzle = challenge(slug)
    for number in count():
        digest = hashlib.sha256(f"{puzzle}:{number}".encode()).digest()
        if not int.from_bytes(digest) >> (256 - BITS):
            return {"challenge": puzzle, "nonce": str(number)}
    raise AssertionError
