"""Runs, and what became of each mail of one, as rows of a file."""

from collections.abc import Iterator

from django.db.models import QuerySet

from mailer.audience.exporting import by_key, written
from mailer.models import Attempt, Delivery
from mailer.reporting.answers import answers_for, meaning_of
from mailer.transport.answers import is_refusal
from people.models import User

COUNTS = ("total", "sent", "failed", "skipped", "expired", "possibly_twice")
ATTEMPT_COLUMNS = ("mailing", "owner", "due", "started", "finished", "status", *COUNTS, "answers")
DELIVERY_COLUMNS = ("email", "full_name", "status", "tries", "answer", "meaning", "finished", "message_id")


def attempt_rows(attempts: QuerySet[Attempt], *, seen_by: User) -> Iterator[tuple[str, ...]]:
    """The cells of each run, oldest first."""
    last = 0
    rows = attempts.select_related("mailing__owner").order_by("pk")
    while chunk := list(rows.filter(pk__gt=last)[:500]):
        for attempt in chunk:
            yield (
                attempt.mailing.name,
                attempt.mailing.owner.email,
                written(attempt.scheduled_for),
                written(attempt.started_at),
                written(attempt.finished_at),
                attempt.state,
                *(str(getattr(attempt, name)) for name in COUNTS),
                "\n".join(f"{number} × {text}" for number, text in answers_for(attempt, seen_by)),
            )
        last = chunk[-1].pk


def delivery_rows(deliveries: QuerySet[Delivery], *, chosen: str = "") -> Iterator[tuple[str, ...]]:
    """The cells of each mail of one run; only for those who may see the addresses.

    `chosen`: the status that all of them have, if filtered by it.
    """
    constant = "next_try_at" if chosen in Delivery.UNSENT else ""  # see site_config.ui.keyset
    fields = ("email", "full_name", "status", "tries", "response", "finished_at", "message_id")
    rows = by_key(deliveries, *fields, constant=constant)
    for email, full_name, status, tries, response, finished_at, message_id in rows:
        meaning = " ".join(meaning_of(response)) if is_refusal(response) else ""
        yield email, full_name, status, str(tries), response, meaning, written(finished_at), message_id
