"""A message's public page: no name, no personal link, and only if its owner allows it."""

import re
import secrets
from typing import Any

from django.conf import settings
from django.urls import reverse

from mailer.composing.attribute_values import nothing
from mailer.composing.compiling import Preview, compile_message
from mailer.composing.merge import SAMPLE
from mailer.models import Message
from mailer.models.message import Public

_KEY = re.compile(r"[A-Za-z0-9_-]{16}")


def open_page(*, message: Message, public: str) -> bool:
    """Set who may see it; return whether that is possible: a draft has no page.

    Its address stays the same, even after it was closed in between.
    """
    if public not in Public.values or (public and message.is_draft):
        return False
    rows = Message.objects.filter(pk=message.pk)
    rows.filter(public_key=None).update(public_key=secrets.token_urlsafe(12))
    rows.update(public=public)
    message.refresh_from_db(fields=["public", "public_key"])
    return True


def shown_public(message: Message) -> dict[str, Any]:
    """What a page needs to offer the choice of who may see it."""
    return {
        "message": message,
        "publics": Public.choices,
        "public_url": address_of(message) if message.public_key else "",
    }


def page_by(key: str) -> Message | None:
    if not _KEY.fullmatch(key):  # PostgreSQL would not even look for some of what stands in addresses
        return None
    return Message.objects.public().select_related("owner").filter(public_key=key).first()


def address_of(message: Message) -> str:
    return f"{settings.SITE_URL}{reverse('message_public', args=[message.public_key])}"


def page_of(message: Message) -> Preview:
    """The message as last saved, for somebody about whom nothing is known.

    Raises LiquidError or Busy if it cannot be made.
    """
    compiled = compile_message(subject=message.subject, body=message.body, format=message.format)
    values = {
        **nothing(compiled.names - set(SAMPLE)),
        **dict.fromkeys(SAMPLE, ""),
        "sender_name": message.owner.name or settings.SITE_NAME,
        "unsubscribe_url": f"{settings.SITE_URL}{reverse('unsubscribe', args=['public'])}",
    }
    return compiled.fill(values)
