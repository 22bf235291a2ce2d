"""The sending of one attempt by one worker, a slice of time at once."""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic, sleep

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from liquid.exceptions import LiquidError

from mailer.models import Attempt, Delivery, Suppression
from mailer.sending import closing, health, leases
from mailer.sending.compose import Composer, Recipient, compile_message
from mailer.sending.ledger import CLIENT_GONE, SUPPRESSED, Result, claim, record
from mailer.sending.opening import open_mailing
from mailer.sending.transport import (
    Answer,
    ConfigurationRefused,
    ServerAway,
    Transport,
    Verdict,
    open_transport,
)
from mailer.sending.unsubscribe import suppress
from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

RECORD_SECONDS = 0.2
RECORD_TRIES = 60
RECORD_PAUSE_SECONDS = 1
# Seconds until the second, third, … try; the last value stands for all that follow.
RETRY_AFTER = (60, 600, 3600, 3 * 3600)
Progress = Callable[[int], None]


def send_attempt(attempt_id: int, token: str, *, on_progress: Progress | None = None) -> None:
    """Send what is due of an attempt for one slice of time, then queue up behind the others.

    Does nothing if the token is void. Whatever goes wrong, each delivery ends as sent, as failed
    with the server's answer, or back in the queue.
    """
    if STOPPING.is_set():
        leases.pass_on(attempt_id, token)
        return
    if not leases.take(token):
        return
    attempt = Attempt.objects.select_related("mailing__owner").filter(pk=attempt_id).first()
    if attempt is None:
        return
    turn = Slice(attempt, token, on_progress or (lambda _: None))
    more = False
    try:
        with leases.Heartbeat(token):
            more = turn.run()
    finally:
        # Results that could not be recorded stay with the lease: when it expires, they are put back
        # as "possibly twice". Giving them back here would send them again without saying so.
        if not turn.results:
            leases.give_back(attempt_id=attempt_id, token=token, more=more)
    if (until := health.rests_until()) is not None:
        leases.wake(attempt_id, at=until)
    closing.expire_ended(attempt_id, now=timezone.now())
    if closing.finish(attempt_id):
        open_next(attempt_id)


def open_next(attempt_id: int) -> None:
    """Open the run that waited for this one to end, if its time has come."""
    mailing_id = Attempt.objects.filter(pk=attempt_id).values_list("mailing_id", flat=True).first()
    if mailing_id is not None:
        open_mailing(mailing_id)


@dataclass
class Slice:
    """One worker's turn with one attempt."""

    attempt: Attempt
    token: str
    on_progress: Progress
    results: list[Result] = field(default_factory=list)
    _recorded_at: float = field(default_factory=monotonic)
    _healthy: bool = False

    def run(self) -> bool:
        """Send until nothing is due, the slice is over or someone says stop; tell if there is more now."""
        end = monotonic() + settings.MAIL_SLICE_SECONDS
        transport = open_transport()
        try:
            composer = self._composer()
            while leases.may_go_on(self.token) and not STOPPING.is_set():
                if health.rests_until():
                    return False
                window = self._claim()
                if not window:
                    return False
                self._send(transport, composer, window)
                if monotonic() > end or STOPPING.is_set():
                    return True
        except LiquidError as error:  # the snapshot was checked when it was saved; a downgrade may differ
            self._hold(f"The message cannot be merged: {error.message}")
        except ConfigurationRefused as error:
            self._hold(str(error))
        except ServerAway as error:
            self._rest(str(error))
        finally:
            self._record()
            transport.close()
        return False

    def _composer(self) -> Composer:
        compiled = compile_message(subject=self.attempt.subject, body=self.attempt.body)
        return Composer(compiled=compiled, owner=self.attempt.mailing.owner)

    def _claim(self) -> list[Delivery]:
        return claim(attempt=self.attempt, token=self.token, limit=settings.MAIL_WINDOW, now=timezone.now())

    def _send(self, transport: Transport, composer: Composer, window: Iterable[Delivery]) -> None:
        """Send one window; results are recorded when it ends and at least five times a second."""
        for delivery in window:
            self.results.append(self._send_one(transport, composer, delivery))
            if monotonic() - self._recorded_at >= RECORD_SECONDS:
                self._record()
                if STOPPING.is_set() or not leases.may_go_on(self.token):
                    return
            elif STOPPING.is_set():
                break
        self._record()

    def _send_one(self, transport: Transport, composer: Composer, delivery: Delivery) -> Result:
        reason = getattr(delivery, "suppressed", None)
        if delivery.client_id is None or reason:
            why = SUPPRESSED[Suppression.Reason(reason)] if reason else CLIENT_GONE
            return Result(delivery=delivery, status="skipped", response=why, tries=delivery.tries)
        recipient = Recipient(
            email=delivery.email, full_name=delivery.full_name, message_id=delivery.message_id
        )
        try:
            answer = transport.send(composer.mail(recipient), to=delivery.email)
        except (LiquidError, ValueError) as error:  # ValueError: a header or an address nobody can write
            answer = Answer(verdict=Verdict.NEVER, text=f"This mail cannot be written: {error}"[:500])
        except ServerAway as error:
            if error.in_hand:
                self.results.append(_in_hand(delivery, error))
            raise
        self._note_health()
        if answer.hard_bounce:
            owner_id = self.attempt.mailing.owner_id
            suppress(owner_id=owner_id, email=delivery.email, reason=Suppression.Reason.BOUNCED)
        return _result(delivery, answer)

    def _record(self) -> None:
        """Record what is known; a database that is away for a while is waited for."""
        for _ in range(RECORD_TRIES):
            try:
                record(attempt_id=self.attempt.pk, token=self.token, results=self.results)
                break
            except (OperationalError, InterfaceError):
                log.warning("attempt %s: the database is away", self.attempt.pk, exc_info=True)
                connection.close()
                sleep(RECORD_PAUSE_SECONDS)
        else:
            raise OperationalError("the results of a window could not be recorded")
        self.on_progress(sum(result.status not in Delivery.OPEN for result in self.results))
        self.results = []
        self._recorded_at = monotonic()

    def _note_health(self) -> None:
        if not self._healthy:
            self._healthy = True
            health.recovered()
            Attempt.objects.filter(pk=self.attempt.pk).exclude(problem="").update(problem="")

    def _rest(self, answer: str) -> None:
        until = health.rest(answer)
        log.warning("attempt %s: %s; the mail server rests until %s", self.attempt.pk, answer, until)
        Attempt.objects.filter(pk=self.attempt.pk).update(problem=answer)

    def _hold(self, answer: str) -> None:
        log.error("attempt %s is held: %s", self.attempt.pk, answer)
        Attempt.objects.filter(pk=self.attempt.pk).update(problem=answer, held_at=timezone.now())


def retry_at(tries: int) -> datetime:
    """When to try again after this many tries, with a tenth of jitter either way."""
    seconds = RETRY_AFTER[min(tries, len(RETRY_AFTER)) - 1]
    return timezone.now() + timedelta(seconds=seconds * random.uniform(0.9, 1.1))  # noqa: S311


def _result(delivery: Delivery, answer: Answer) -> Result:
    tries = delivery.tries + 1
    if answer.verdict is Verdict.ACCEPTED:
        return Result(delivery=delivery, status="sent", response=answer.text, tries=tries)
    if answer.verdict is Verdict.NEVER or tries >= settings.MAIL_MAX_TRIES:
        return Result(delivery=delivery, status="failed", response=answer.text, tries=tries)
    return Result(
        delivery=delivery, status="queued", response=answer.text, tries=tries, next_try_at=retry_at(tries)
    )


def _in_hand(delivery: Delivery, error: ServerAway) -> Result:
    """The one mail in hand when the connection broke costs a try, so that a poisonous one cannot loop."""
    tries = delivery.tries + 1
    gone = tries >= settings.MAIL_MAX_TRIES
    return Result(
        delivery=delivery,
        status="failed" if gone else "queued",
        response=str(error),
        tries=tries,
        next_try_at=None if gone else timezone.now(),
        possibly_twice=error.unknown,
    )
