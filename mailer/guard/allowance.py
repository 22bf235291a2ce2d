"""How many mails a user may send in any 24 hours: exact, however many workers send for them.

A worker takes mails from the allowance in the transaction in which it claims their deliveries, and returns
those that were not handed to the mail server in the one that records this. Mails are counted by the ten
minutes in which they began. The user's row is locked meanwhile: before the lease, first in the ledger's order
of locks.

Whatever is in doubt counts as sent: what a killed worker had in hand, and what was claimed by an exchange
whose outcome is unknown.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils.translation import gettext_noop

from mailer.models import Attempt, BegunMails, Lease
from people.models import User

DAY = timedelta(hours=24)
STEP = timedelta(minutes=10)
# A mail may be in hand for a while before the server accepts it, and the 24 hours begin then.
IN_HAND = timedelta(minutes=10)
USED_UP = gettext_noop("The allowance for 24 hours is used up.")


def allowance_for(attempt: Attempt, token: str) -> "Allowance | None":
    """The allowance a worker of this attempt has to respect; None for users without a limit."""
    owner = attempt.mailing.owner
    if not settings.GUARD or owner.mails_per_day is None:
        return None
    return Allowance(owner_id=owner.pk, attempt_id=attempt.pk, token=token)


class Allowance:
    """What one worker takes from its owner's allowance, and returns; inside the exchange's transaction."""

    def __init__(self, *, owner_id: int, attempt_id: int, token: str) -> None:
        self.in_hand: dict[int, datetime | None] = {}  # deliveries, by when they were counted
        self._owner, self._attempt, self._token = owner_id, attempt_id, token
        self._limit: int | None = None
        self._now = datetime.min
        self._made_room = False
        self.waits = False

    def room(self, *, unsent: Iterable[int], done: Iterable[int], now: datetime, most: int) -> int:
        """Return what was not sent, and tell how many deliveries may be claimed, up to `most`.

        `unsent` and `done`: the ids of deliveries that are recorded as not handed over, or as handed over.
        """
        self._now = now
        rows = User.objects.select_for_update(no_key=True).filter(pk=self._owner)
        self._limit = rows.values_list("mails_per_day", flat=True).first()
        put_back = Counter(since for pk in unsent if (since := self.in_hand.pop(pk, None)))
        for pk in done:
            self.in_hand.pop(pk, None)
        for since, number in put_back.items():
            self._counted().filter(since=since).update(number=F("number") - number)
        self._made_room = bool(put_back)
        return most if self._limit is None else max(0, min(most, self._limit - self._used()))

    def take(self, claimed: Collection[int]) -> None:
        """Count the claimed deliveries: the last part of the exchange."""
        since = _step(self._now) if self._limit is not None else None
        self.in_hand.update(dict.fromkeys(claimed, since))
        if since and claimed:
            row, made = self._counted().get_or_create(
                owner_id=self._owner, since=since, defaults={"number": len(claimed)}
            )
            if not made:
                self._counted().filter(pk=row.pk).update(number=F("number") + len(claimed))
        if self._made_room:
            go_on(self._owner)

    def wait(self) -> None:
        """Make the attempt wait until there is room, unless what other workers have in hand may free some."""
        others = Lease.objects.filter(attempt__mailing__owner=self._owner, running=True)
        if self._limit is None or others.exclude(token=self._token).exists():
            return
        self.waits = True
        Attempt.objects.running().filter(pk=self._attempt).update(
            resumes_at=self._free_at(), problem=USED_UP, problem_code=Attempt.ALLOWANCE
        )

    def _counted(self) -> QuerySet[BegunMails]:
        """What counts now."""
        return BegunMails.objects.filter(owner=self._owner, since__gt=_begin(self._now))

    def _used(self) -> int:
        return sum(self._counted().values_list("number", flat=True))

    def _free_at(self) -> datetime:
        """When there will be room for one mail."""
        over = self._used() - (self._limit or 0)
        for since, number in self._counted().order_by("since").values_list("since", "number"):
            over -= number
            if over < 0:
                return since + STEP + IN_HAND + DAY
        return self._now + DAY


def go_on(owner_id: int) -> list[int]:
    """There is room again: let the user's waiting attempts go on, and return them."""
    waiting = Attempt.objects.running().filter(
        mailing__owner=owner_id, problem_code=Attempt.ALLOWANCE, held_at=None
    )
    found = list(waiting.values_list("pk", flat=True))
    waiting.filter(pk__in=found).update(resumes_at=None, problem="", problem_code="")
    return found


def take_one(owner: User, *, now: datetime) -> bool:
    """Count one mail of a user that is none of an attempt; False if there is no room. In a transaction."""
    rows = User.objects.select_for_update(no_key=True).filter(pk=owner.pk)
    limit = rows.values_list("mails_per_day", flat=True).first()
    if not settings.GUARD or limit is None:
        return True
    if used(owner.pk, now=now) >= limit:
        return False
    counted, new = BegunMails.objects.get_or_create(owner=owner, since=_step(now), defaults={"number": 1})
    if not new:
        BegunMails.objects.filter(pk=counted.pk).update(number=F("number") + 1)
    return True


def used(owner_id: int, *, now: datetime) -> int:
    """How many of a user's mails count now."""
    counted = BegunMails.objects.filter(owner=owner_id, since__gt=_begin(now))
    return sum(counted.values_list("number", flat=True))


def forget_old(now: datetime) -> None:
    """Delete what no longer counts."""
    BegunMails.objects.filter(since__lte=_begin(now)).delete()


def _step(now: datetime) -> datetime:
    return now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)


def _begin(now: datetime) -> datetime:
    """What began within ten minutes after this time, or before, no longer counts."""
    return now - DAY - IN_HAND - STEP
