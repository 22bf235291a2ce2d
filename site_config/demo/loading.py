"""Loads the demo from fixtures/, or puts it back as it was."""

import json
from io import BytesIO
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import serializers
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from content import pictures
from content.cache import forget_articles
from mailer.models import Attempt, Client, Delivery
from mailer.reporting.domains import count_left_over
from people.models import User
from site_config.demo.dates import mailing_keys, moved_to

# In the order in which they refer to each other; loaddata takes them one by one in this order.
FIXTURES = ("groups", "users", "clients", "client_groups", "messages", "mailings", "attempts", "blog")
PASSWORD = "demo-mailings-2026"  # noqa: S105  (as the command prints it; its hash is in fixtures/users.json)
LOGINS = {
    "demo@example.com": "clients, messages and mailings, in Russian",
    "olga@example.com": "clients, messages and mailings, in English",
    "manager@example.com": "watches over all mailings and users",
    "editor@example.com": "writes the blog, in the administration",
    "admin@example.com": "may do everything",
}


class DoesNotFit(Exception):
    """Existing rows are in the demo's way."""


def is_loaded() -> bool:
    return User.objects.filter(email__in=LOGINS).exists()


def load() -> None:
    """Load all fixtures in one transaction; the demo's mailings begin anew. Raises DoesNotFit."""
    store_pictures()
    rows = [row for name in FIXTURES for row in read(name)]
    try:
        with transaction.atomic():
            old = Attempt.objects.filter(mailing__form_key__in=mailing_keys(rows))
            Delivery.objects.filter(attempt__in=old).delete()
            old.delete()
            moved = moved_to(timezone.now(), rows)
            ledger = [row for row in moved if row["model"] == "mailer.delivery"]
            others = [row for row in moved if row["model"] != "mailer.delivery"]
            for row in serializers.deserialize("python", others):
                row.save()
            save_ledger([row["fields"] for row in ledger])
            confirm_addresses()
        count_left_over()
        forget_articles()
    except IntegrityError as error:
        raise DoesNotFit(str(error)) from error


def store_pictures() -> None:
    """Store the articles' pictures in all sizes, where the fixture expects them."""
    for path in sorted((settings.BASE_DIR / "fixtures" / "blog").glob("*.webp")):
        source = path.read_bytes()
        if not default_storage.exists(pictures.name_of(source)):
            pictures.store(pictures.prepare(BytesIO(source)))


def save_ledger(ledger: list[dict[str, Any]]) -> None:
    """Insert all deliveries at once: one by one, each would be looked up together with its client."""
    attempts = dict(Attempt.objects.filter(mailing__owner__email__in=LOGINS).values_list("key", "pk"))
    theirs = Client.objects.filter(owner__email__in=LOGINS)
    clients = {(owner, email): pk for owner, email, pk in theirs.values_list("owner__email", "email", "pk")}

    def delivery(attempt: list[str], client: list[str], **fields: Any) -> Delivery:
        owner, email = client
        return Delivery(attempt_id=attempts[attempt[0]], client_id=clients[owner, email], **fields)

    Delivery.objects.bulk_create([delivery(**fields) for fields in ledger], batch_size=500)


def read(name: str) -> list[dict[str, Any]]:
    path = settings.BASE_DIR / "fixtures" / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def confirm_addresses() -> None:
    """Confirm the demo users' addresses: nobody can open their emails."""
    for user in User.objects.filter(email__in=LOGINS):
        EmailAddress.objects.update_or_create(
            user=user, email=user.email, defaults={"verified": True, "primary": True}
        )
