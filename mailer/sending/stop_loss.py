"""What a refusal does to its delivery, and when it must stop the whole run.

A refusal that is not about the recipient would hit everybody. Such deliveries are set aside: they stay
queued, and lose no try, until it is known whether the server accepts anything at all.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from mailer.models import Delivery
from mailer.sending import clock
from mailer.sending.ledger import Claimed, DeliveryResult
from mailer.sending.retries import exhausted, seconds_until_retry
from mailer.transport import Refusal, RefusalClass, Result

ASIDE_SECONDS = 3600.0
PAUSE_SECONDS = 60.0  # for a quota, or a server, that names no time
GIVE_UP = timedelta(days=4)  # RFC 5321 section 4.5.4.1; after that, a person has to look
ABOUT_US = frozenset({RefusalClass.SENDER, RefusalClass.CONTENT})
FOR_NOW = frozenset({RefusalClass.QUOTA, RefusalClass.SERVER})
ONE_RECIPIENT = frozenset({RefusalClass.GONE, RefusalClass.RECIPIENT})
ENOUGH_FOR_A_REST = 3  # quota or server answers in a row
MOST_REMEMBERED = 1000  # attempts
Status = Delivery.Status

# By attempt: the domains that refuse us, so that this process's next loop need not find out again.
_closed_domains: dict[int, set[str]] = {}


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the run cannot go on. `seconds`: how long to leave the server alone; None: a person has to act."""

    answer: str
    refusal: Refusal
    seconds: float | None


class StopLoss:
    """Judges the results of one send loop."""

    def __init__(self, attempt_id: int, started_at: datetime, *, any_sent: bool) -> None:
        self.stop: Stop | None = None
        self.newly_closed = False  # mails to a domain that was just closed may be under way
        self._started_at = started_at
        self._any_sent = any_sent
        self._in_a_row: Counter[str] = Counter()  # refusals without an acceptance, by what they are about
        self._by_domain: Counter[str] = Counter()  # the same for each domain
        if len(_closed_domains) > MOST_REMEMBERED:
            _closed_domains.clear()
        self._closed = _closed_domains.setdefault(attempt_id, set())

    def closed(self, delivery: Claimed) -> bool:
        """Whether its domain has refused us so often that this delivery need not be tried now."""
        return bool(self._closed) and _domain(delivery) in self._closed

    def accepted(self, delivery: Claimed, result: Result) -> DeliveryResult:
        self._any_sent = True
        self._in_a_row.clear()
        if self._by_domain:
            self._by_domain.pop(_domain(delivery), None)
        return DeliveryResult(delivery, Status.SENT, result.text, delivery.tries + 1)

    def refused(self, delivery: Claimed, result: Result) -> DeliveryResult:
        """What becomes of a delivery that the server has refused."""
        refusal = result.refusal
        if refusal is None or refusal.refusal_class in ONE_RECIPIENT:
            if refusal and not self._any_sent and _vague(result.text):
                return self._about_all(delivery, result, refusal)
            return _failed(delivery, result)
        if refusal.refusal_class in ABOUT_US and (refusal.permanent or not self._any_sent):
            return self._about_all(delivery, result, refusal)
        if refusal.refusal_class in FOR_NOW:
            return self._not_now(delivery, result, refusal)
        return self._later(delivery, result, refusal)

    def skip_closed(self, delivery: Claimed) -> DeliveryResult:
        """Set aside a delivery whose domain refuses us."""
        return _set_aside(delivery, None, RefusalClass.SENDER.value, ASIDE_SECONDS)

    def _about_all(self, delivery: Claimed, result: Result, refusal: Refusal) -> DeliveryResult:
        domain = _domain(delivery)
        self._in_a_row["us"] += 1
        self._by_domain[domain] += 1
        if self._in_a_row["us"] >= settings.MAIL_STOP_AFTER:
            self.stop = self.stop or Stop(result.text, refusal, None)
        elif self._by_domain[domain] >= settings.MAIL_STOP_AFTER:
            self.newly_closed |= domain not in self._closed
            self._closed.add(domain)
        return _set_aside(delivery, result.text, refusal.refusal_class.value, ASIDE_SECONDS)

    def _not_now(self, delivery: Claimed, result: Result, refusal: Refusal) -> DeliveryResult:
        self._in_a_row["now"] += 1
        if self._any_sent and self._in_a_row["now"] == 1:
            # Others were accepted, so it is about this one.
            return self._later(delivery, result, refusal, busy=True)
        seconds = refusal.retry_after or PAUSE_SECONDS
        if self._in_a_row["now"] >= ENOUGH_FOR_A_REST:
            gives_up = clock.now() - self._started_at > GIVE_UP
            pause = None if gives_up else float(refusal.retry_after or 0)
            self.stop = self.stop or Stop(result.text, refusal, pause)
        return _set_aside(delivery, result.text, refusal.refusal_class.value, float(seconds))

    def _later(
        self, delivery: Claimed, result: Result, refusal: Refusal, *, busy: bool = False
    ) -> DeliveryResult:
        tries = delivery.tries + 1
        if exhausted(tries, since=self._started_at):
            return _failed(delivery, result)
        seconds = seconds_until_retry(tries, refusal.retry_after, busy=busy)
        return DeliveryResult(
            delivery, Status.QUEUED, result.text, tries, wait=seconds, refusal=refusal.refusal_class.value
        )


def forget(attempt_id: int) -> None:
    """Try the refusing domains again."""
    _closed_domains.pop(attempt_id, None)


def _failed(delivery: Claimed, result: Result) -> DeliveryResult:
    refusal = result.refusal
    return DeliveryResult(
        delivery,
        Status.FAILED,
        result.text,
        delivery.tries + 1,
        refusal=refusal.refusal_class.value if refusal else "",
        suppress=bool(refusal and refusal.suppress),
    )


def _set_aside(delivery: Claimed, text: str | None, refusal_class: str, seconds: float) -> DeliveryResult:
    return DeliveryResult(delivery, Status.QUEUED, text, delivery.tries, wait=seconds, refusal=refusal_class)


def _domain(delivery: Claimed) -> str:
    return delivery.email.rpartition("@")[2].lower()


def _vague(text: str) -> bool:
    """Whether an answer says nothing but "no": without an enhanced code it may be meant for everybody."""
    return text[4:6] != "5."
