"""DKIM signatures (RFC 6376, RFC 8463) for mail that this service sends itself, with RSA and Ed25519 keys.

Python's DKIM libraries parse and canonicalise a mail for each signature; a mailing signs thousands.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

FEWEST_BITS = 2048  # bits of an RSA key; receivers refuse fewer than 1024 (RFC 8301 section 3.2)
# Signed once more than they occur, so that nobody can add another one.
_SEALED = (b"from", b"to", b"subject", b"date", b"reply-to", b"message-id")
# RFC 6376 section 5.4.1, and both fields that RFC 8058 section 4 requires.
_SIGNED = (
    *_SEALED, b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id", b"precedence",
    b"auto-submitted", b"mime-version", b"content-type",
)  # fmt: skip
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r]|\r\n[ \t])*)\r\n")
_BLANKS = re.compile(rb"[ \t\r\n]+")
_TRAILING = re.compile(rb"[ \t]+(?=\r\n)")
_RUNS = re.compile(rb"[ \t]{2,}|\t")
Key = RSAPrivateKey | Ed25519PrivateKey


class Signer(NamedTuple):
    """One key, published at `selector`._domainkey.`domain`."""

    selector: str
    domain: str
    key: Key

    @property
    def record(self) -> tuple[str, str]:
        """The name and value of the TXT record that publishes the key (RFC 6376 section 3.6.1)."""
        public = self.key.public_key()
        if isinstance(self.key, Ed25519PrivateKey):
            kind, octets = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            kind, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        value = f"v=DKIM1; k={kind}; p={b64encode(octets).decode()}"
        return f"{self.selector}._domainkey.{self.domain}", value

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3
        return self.key.sign(data, PKCS1v15(), SHA256())

    def field(self, names: bytes, head: bytes, body_hash: bytes) -> bytes:
        """The DKIM-Signature field over a canonical head and the hash of a canonical body."""
        kind = b"ed25519" if isinstance(self.key, Ed25519PrivateKey) else b"rsa"
        tags = b"v=1; a=%b-sha256; c=relaxed/relaxed; d=%b; s=%b;\r\n h=%b;\r\n bh=%b;\r\n b=" % (
            kind, self.domain.encode(), self.selector.encode(), names, body_hash,
        )  # fmt: skip
        signature = b64encode(self._sign(head + b"dkim-signature:" + _BLANKS.sub(b" ", tags)))
        lines = [signature[at : at + 72] for at in range(0, len(signature), 72)]
        return b"DKIM-Signature: " + tags + b"\r\n ".join(lines) + b"\r\n"


def sign(content: bytes, signers: Sequence[Signer], *, of_authors: Sequence[Signer] = ()) -> bytes:
    """The mail, with CRLF line ends, preceded by a signature from each key.

    `of_authors`: keys that sign only mail whose From is at their domain.
    """
    head, _, body = content.partition(b"\r\n\r\n")
    if of_authors:
        author = _author_domain(head + b"\r\n")
        signers = [*signers, *(signer for signer in of_authors if _covers(signer, author))]
    names, canonical = _canonical_head(head + b"\r\n")
    body_hash = b64encode(hashlib.sha256(_canonical_body(body)).digest())
    return b"".join([signer.field(names, canonical, body_hash) for signer in signers]) + content


def _author_domain(head: bytes) -> str:
    found = next((value for name, value in _FIELD.findall(head) if name.lower() == b"from"), b"")
    return found.rpartition(b"@")[2].strip(b"> \t\r\n").decode("ascii", "replace").lower()


def _covers(signer: Signer, domain: str) -> bool:
    return domain == signer.domain or domain.endswith(f".{signer.domain}")


def _canonical_head(head: bytes) -> tuple[bytes, bytes]:
    """The names for `h=`, and the fields in the canonical form of RFC 6376 section 3.4.2."""
    fields = [(name.lower(), value) for name, value in _FIELD.findall(head)]
    found = [
        (name, b"%b:%b\r\n" % (name, _BLANKS.sub(b" ", value).strip()))
        for wanted in _SIGNED
        for name, value in reversed(fields)
        if name == wanted
    ]
    names = [name for name, _ in found]
    lines = [names[at : at + 5] for at in range(0, len(names), 5)] + [list(_SEALED)]
    return b":\r\n ".join(map(b":".join, lines)), b"".join([line for _, line in found])


def _canonical_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4."""
    if b" \r\n" in body or b"\t" in body:
        body = _TRAILING.sub(b"", body)
    body = _RUNS.sub(b" ", body).rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def signing(sender: str) -> Callable[[bytes], bytes] | None:
    """The function that signs mail from this address, or None: a key covers its domain and those below it.

    Mail whose From is at another domain is signed by a key of that domain as well, where there is one.
    """
    mine = signers_for(parseaddr(sender)[1].rpartition("@")[2])
    others = [signer for signer in _all_signers() if signer not in mine]
    return (lambda content: sign(content, mine, of_authors=others)) if mine or others else None


def signers_for(domain: str) -> list[Signer]:
    """Those keys that cover this domain."""
    return [signer for signer in _all_signers() if _covers(signer, domain.lower())]


def _all_signers() -> list[Signer]:
    return _signers(tuple(settings.MAIL_DKIM_KEYS), settings.MAIL_DKIM_DOMAIN)


@lru_cache(maxsize=4)
def _signers(keys: tuple[tuple[str, str], ...], domain: str) -> list[Signer]:
    named = [(*word.partition("@"), path) for word, path in keys]
    return [Signer(selector, own or domain, load_key(path)) for selector, _at, own, path in named]


def load_key(path: str | Path) -> Key:
    """An RSA or Ed25519 key from a PEM file; raises OSError or ValueError with the reason."""
    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except (TypeError, ValueError) as error:
        raise ValueError("it holds no private key without a password") from error
    if isinstance(key, RSAPrivateKey) and key.key_size >= FEWEST_BITS:
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError(f"its key is neither RSA with {FEWEST_BITS} bits or more nor Ed25519")
