"""Mailings that are sent, and what a consumer does meanwhile."""

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from django.utils import timezone

from mailer import mailings
from mailer.models import Attempt, Client, ClientGroup, Mailing
from mailer.sending import dispatcher
from people.models import User
from testing.factories import ClientFactory, MailingFactory, MessageFactory
from testing.rough_server import Cut


def make_mailing(
    owner: User, clients: Collection[Client] = (), groups: Collection[ClientGroup] = (), **fields: Any
) -> Mailing:
    """A mailing saved as its owner would save it; one that is due is sent before this returns."""
    message = fields.pop("message", None) or MessageFactory(owner=owner)
    now = timezone.now()
    copy_of = fields.pop("copy_of", None)
    mailing = MailingFactory.build(
        owner=owner,
        message=message,
        starts_at=fields.pop("starts_at", now - timedelta(minutes=1)),
        ends_at=fields.pop("ends_at", now + timedelta(days=365)),
        **fields,
    )
    return mailings.save_mailing(mailing, clients=clients, groups=groups, copy_of=copy_of)


def clients(owner: User, number: int) -> list[Client]:
    return [ClientFactory(owner=owner, email=f"{n}@example.org") for n in range(number)]


def start(owner: User, number: int, **fields: Any) -> Attempt:
    """Mail this many new clients, and return the run."""
    return make_mailing(owner, clients(owner, number), **fields).attempts.get()


def come_by() -> None:
    """What a consumer's dispatcher does once a minute."""
    dispatcher.catch_up()


def go_on(attempt: Attempt, time_machine: Any, *, times: int = 12) -> Attempt:
    """Let time pass and the sweep run until the attempt is over."""
    for _ in range(times):
        attempt.refresh_from_db()
        if attempt.status != "running":
            return attempt
        time_machine.move_to(timezone.now() + timedelta(seconds=301))
        come_by()
    attempt.refresh_from_db()
    return attempt


def as_usual(*_: object) -> None:
    """An answer for a RoughServer: its own."""
    return


def in_act(answer_with: Any, verb: str, times: int = 1) -> Callable[..., Any]:
    """An answer of a RoughServer: this one to the first `times` commands of a kind, then its own."""
    left = [times]

    def answer(_session: object, said: str, _line: str) -> Any:
        if said == verb and left[0]:
            left[0] -= 1
            if answer_with is Cut:
                raise Cut
            return answer_with
        return None

    return answer
