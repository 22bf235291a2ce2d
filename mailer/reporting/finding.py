"""Finds a user's mailings, messages, clients and groups by a few letters of their names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailer.models import Client, ClientGroup, Mailing, Message
from people.models import User
from site_config.ui.search import contains

MOST_OF_A_KIND = 5


@dataclass(frozen=True, kw_only=True)
class Found:
    name: str
    kind: str | Promise
    url: str


def find(*, user: User, text: str) -> list[Found]:
    """The first few of each kind that this user may see, in a constant number of queries."""
    return list(_found(user, text)) if text else []


def _found(user: User, text: str) -> Iterator[Found]:
    mailings = Mailing.objects.visible_to(user).filter(contains(["name"], text)).order_by("-starts_at", "-pk")
    yield from _links(mailings.select_related("message"), _("Mailing"), "mailing_detail")
    if user.only_watches:
        return
    messages = (
        Message.objects.owned_by(user).filter(contains(["subject"], text)).order_by("-updated_at", "-pk")
    )
    for message in messages[:MOST_OF_A_KIND]:
        yield Found(name=str(message), kind=_("Message"), url=message.get_absolute_url())
    clients = Client.objects.owned_by(user).search(text).order_by("full_name", "email", "pk")
    yield from _links(clients, _("Client"), "client_detail")
    groups = ClientGroup.objects.owned_by(user).filter(contains(["name"], text)).order_by("name", "pk")
    yield from _links(groups, _("Group"), "group_detail")


def _links(rows: Any, kind: str | Promise, url_name: str) -> Iterator[Found]:
    for row in rows[:MOST_OF_A_KIND]:
        yield Found(name=str(row), kind=kind, url=reverse(url_name, args=[row.pk]))
