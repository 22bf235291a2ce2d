"""The check for those whom a mailing would reach: before it is saved, and before each of its runs."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.core.cache import cache

from mailer.audience import CHOSEN, first_of
from mailer.checking.content import check
from mailer.checking.fields import LOOKED_AT
from mailer.checking.findings import Finding
from mailer.composing.drafts import saved_of
from mailer.composing.looking import Look
from mailer.models import Mailing, Message
from people.models import User
from site_config.queue import QUEUE_AWAY

CACHE_AWAY: tuple[type[Exception], ...] = (*QUEUE_AWAY, OSError)
KEPT_SECONDS = 600  # counts on a mailing's page: its clients may have changed since


def findings_for(*, message: Message, look: Look, owner: User, **chosen: Collection[int]) -> list[Finding]:
    """What to know about a message, as it looks, before it goes to the chosen clients."""
    clients = first_of(owner=owner, most=LOOKED_AT + 1, **chosen)
    return check(written=saved_of(message), look=look, owner=owner, clients=clients)


def findings_of(mailing: Mailing, look: Look) -> list[Finding]:
    """The same for a mailing that is saved."""
    named = CHOSEN.filter(mailing_id=mailing.pk).values_list("client_id", flat=True)
    return findings_for(
        message=mailing.message,
        look=look,
        owner=mailing.owner,
        clients=list(named[: LOOKED_AT + 1]),
        groups=list(mailing.groups.values_list("pk", flat=True)),
        excluded=list(mailing.excluded.values_list("pk", flat=True)),
    )


def keep(mailing: Mailing, counts: dict[str, int]) -> None:
    """Keep the counts for a mailing's page, which must not make the message anew each time."""
    with suppress(*CACHE_AWAY):  # without the cache they are counted again
        cache.set(_key(mailing), counts, KEPT_SECONDS)


def kept(mailing: Mailing) -> dict[str, int] | None:
    """The counts of its message as it is; None if they have to be counted."""
    with suppress(*CACHE_AWAY):
        counts: dict[str, int] | None = cache.get(_key(mailing))
        return counts
    return None


def _key(mailing: Mailing) -> str:
    message = mailing.message
    asked: Any = getattr(message, "network_check", None)
    known = asked.finished_at.timestamp() if asked and asked.finished_at else 0
    return f"mailing-check:{mailing.pk}:{message.pk}:{message.updated_at.timestamp()}:{known}"
