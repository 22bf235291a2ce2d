"""Make a key that signs mail, or show the DNS record of an existing one."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from site_config.dkim import FEWEST_BITS, Signer, load_key
from site_config.environment import is_selector

TXT_STRING = 255  # octets (RFC 1035 section 3.3)


class Command(BaseCommand):
    help = "Make a DKIM key, unless the file holds one, and print the DNS record for it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("selector", help="a name for the key in your DNS, such as news")
        parser.add_argument("file", type=Path, help="where the private key is kept")
        parser.add_argument("--type", choices=("rsa", "ed25519"), default="rsa")
        parser.add_argument("--domain", default=settings.MAIL_DKIM_DOMAIN)

    def handle(self, *, selector: str, file: Path, type: str, domain: str, **_options: Any) -> None:
        if not is_selector(selector):
            raise CommandError(
                f"A selector is made of letters, digits, hyphens and dots, unlike {selector!r}."
            )
        try:
            if not file.exists():
                _write(file, type)
            key = load_key(file)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandError(f"{file} cannot be used: {reason}.") from error
        name, value = Signer(selector, domain, key).record
        strings = " ".join(f'"{value[at : at + TXT_STRING]}"' for at in range(0, len(value), TXT_STRING))
        self.stdout.write(f"Publish this record:\n{name}. IN TXT {strings}\n")
        self.stdout.write(
            f"Then set, with other keys after a comma:\nMAIL_DKIM_KEYS={selector}:{file.absolute()}"
        )
        if domain != settings.MAIL_DKIM_DOMAIN:
            self.stdout.write(f"MAIL_DKIM_DOMAIN={domain}")


def _write(file: Path, kind: str) -> None:
    """Write a new key to a file that only its owner can read; raises OSError."""
    made = (
        ed25519.Ed25519PrivateKey.generate()
        if kind == "ed25519"
        else rsa.generate_private_key(public_exponent=65537, key_size=FEWEST_BITS)
    )
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(pem)
