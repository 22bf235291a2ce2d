"""When each mail may begin."""

from collections import deque
from datetime import datetime, timedelta
from time import monotonic

from mailer.composing.rendering import RenderedMessage
from mailer.sending import clock, rate_limit
from site_config import connections


class Throttle:
    """Mails that wait for nothing, or for their slots under the limits of mails per minute."""

    def __init__(self, mailing_id: int) -> None:
        self._mailing_id = mailing_id
        self.limited = rate_limit.limited()
        self._free: deque[tuple[float, float]] = deque()  # slots: from when, until when
        self._mails: deque[RenderedMessage] = deque()
        self._next = 0.0  # when to ask for slots again

    @property
    def waiting(self) -> int:
        return len(self._mails)

    def add(self, mail: RenderedMessage) -> None:
        self._mails.append(mail)

    def reserve(self, limit: int) -> int:
        """How many mails may be claimed, up to `limit`: as many as there are slots."""
        if not self.limited:
            return limit
        self._forget_lost()
        before = monotonic()
        wanted = limit + len(self._mails)
        if wanted and before >= self._next and len(self._free) <= len(self._mails):
            found = rate_limit.reserve(mailing_id=self._mailing_id, limit=wanted)
            connections.release()
            after = monotonic()
            self._free += [(after + d, before + d + rate_limit.LATENESS) for d in found.delays]
            self._next = after + found.wait
        return max(0, min(limit, len(self._free) - len(self._mails)))

    def due(self) -> list[RenderedMessage]:
        """The mails that may begin now."""
        if not self.limited:
            return self.drain()
        self._forget_lost()
        mails = []
        while self._mails and self._free and self._free[0][0] <= monotonic():
            mail = self._mails.popleft()
            mail.late_after = self._free.popleft()[1]
            mails.append(mail)
        return mails

    def drain(self) -> list[RenderedMessage]:
        """All mails, due or not."""
        mails = list(self._mails)
        self._mails.clear()
        return mails

    def time_to_wait(self, most: float) -> float:
        """How long to wait for the server before the next mail is due."""
        if not self._mails or not self._free:
            return most if not self.limited else most / 4
        return min(most, max(self._free[0][0] - monotonic(), 0))

    def wake_at(self) -> datetime | None:
        """When there will be a slot, if that is long from now."""
        wait = self._next - monotonic()
        return clock.now() + timedelta(seconds=wait) if wait > rate_limit.LONGEST_WAIT else None

    def _forget_lost(self) -> None:
        now = monotonic()
        while self._free and self._free[0][1] <= now:
            self._free.popleft()
