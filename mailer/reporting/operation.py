"""The state of the service itself, for those who look after it."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import get_language

from mailer.models import Attempt, Consumer, MailServer
from mailer.sending import clock, consumers, holding
from mailer.transport.refusals import KNOWN, Explanation

MOST_HELD = 50  # runs shown


@dataclass(frozen=True)
class Distrust:
    """An extension that is not used with a server for a while, as one consumer found."""

    server: str
    extension: str
    until: datetime
    consumer: str


class Operation:
    """What is read from the database, each when it is shown."""

    @cached_property
    def consumers(self) -> list[Consumer]:
        return list(consumers.alive())

    @cached_property
    def distrusted(self) -> list[Distrust]:
        now = clock.now()
        found = [
            Distrust(server, name, datetime.fromisoformat(until), consumer.name)
            for consumer in self.consumers
            for server, name, until in consumer.distrusted
        ]
        return [each for each in found if each.until > now]

    @cached_property
    def resting(self) -> MailServer | None:
        """The mail server, while it rests."""
        return MailServer.objects.filter(rests_until__gt=clock.now()).first()

    @cached_property
    def failing(self) -> MailServer | None:
        """The mail server, if its last use failed and no mail has been accepted since."""
        return MailServer.objects.filter(Q(failures__gt=0) | Q(quota_failures__gt=0)).first()

    @cached_property
    def meaning(self) -> Explanation | None:
        """What the server's answer means and which setting helps, while it rests or fails."""
        server = self.resting or self.failing
        language = (get_language() or "en")[:2]
        return KNOWN.texts.get((holding.trouble(server.answer), language)) if server else None

    @cached_property
    def held(self) -> list[Attempt]:
        """Runs waiting for someone to act, the longest first."""
        rows = Attempt.objects.running().filter(held_at__isnull=False)
        return list(rows.select_related("mailing__owner", "mailing__message").order_by("held_at")[:MOST_HELD])
