"""Notifications of what happens to what users own: on the site and by email, as each user chooses."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.functional import Promise

from people.account_emails import AccountEmail, send_account_email
from people.models import Notification, User

SHOWN = 100
KEPT = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A kind of notification; `by_mail`: whether it is mailed to users who have not chosen."""

    kind: str
    title: str | Promise
    email: AccountEmail
    by_mail: bool = True


NOTICES: dict[str, Notice] = {}  # filled by the apps that notify


def register(*notices: Notice) -> None:
    NOTICES.update({notice.kind: notice for notice in notices})


def chosen(user: User, way: str) -> set[str]:
    """The kinds that a user wants by `mail` or on the `site`."""
    if user.notices is None:
        return {notice.kind for notice in NOTICES.values() if way == "site" or notice.by_mail}
    return set(user.notices.get(way, ())) & set(NOTICES)


def choose(user: User, *, mail: list[str], site: list[str]) -> None:
    user.notices = {"mail": sorted(mail), "site": sorted(site)}
    User.objects.filter(pk=user.pk).update(notices=user.notices)


def notify(user: User, kind: str, *, key: str, path: str, **values: Any) -> bool:
    """Notify a user once about one thing, in the ways they chose; return whether this call did it."""
    on_site = kind in chosen(user, "site")
    try:
        with transaction.atomic():
            Notification.objects.create(
                user=user, kind=kind, key=key, path=path, values=values, on_site=on_site
            )
    except IntegrityError:
        return False
    if on_site:
        User.objects.filter(pk=user.pk).update(unread=F("unread") + 1)
    if kind in chosen(user, "mail"):
        email, link = NOTICES[kind].email, f"{settings.SITE_URL}{path}"
        send_account_email(email, to=user.email, language=user.language, link=link, **values)
    return True


@dataclass(frozen=True, kw_only=True)
class ShownNotice:
    """A notification as it is read."""

    notification: Notification
    title: str
    lines: list[str]


def read_all(user: User) -> list[ShownNotice]:
    """The latest notifications; this marks them as read."""
    rows = Notification.objects.filter(user=user, on_site=True, kind__in=NOTICES)[:SHOWN]
    shown = [_shown(row, NOTICES[row.kind].email) for row in rows]
    User.objects.filter(pk=user.pk).exclude(unread=0).update(unread=0)
    return shown


def _shown(row: Notification, email: AccountEmail) -> ShownNotice:
    values = {"email": "", **row.values}
    return ShownNotice(
        notification=row,
        title=str(email.subject) % values,
        lines=[str(line) % values for line in email.lines],
    )


def forget_old() -> int:
    """Delete old notifications; return how many."""
    return Notification.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
