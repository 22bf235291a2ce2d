"""One worker's turn with one attempt: claim, send, record, again and again."""

import logging
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.utils import timezone
from liquid.exceptions import LiquidError

from mailer.composing.compiling import compile_message
from mailer.composing.rendering import Composer, RenderedMessage
from mailer.models import Attempt, Delivery, Suppression
from mailer.sending import server_health
from mailer.sending.ledger import CLIENT_GONE, SUPPRESSED, Claimed, Result
from mailer.sending.ledger_writer import Clerk
from mailer.sending.throttle import Timetable
from mailer.transport import (
    Answer,
    ConfigurationRefused,
    MailRefused,
    Outcome,
    OutgoingMessage,
    ServerAway,
    Transport,
    Verdict,
    open_transport,
)
from site_config.shutdown import STOPPING

log = logging.getLogger(__name__)

RECORD_SECONDS = 0.2
# Seconds until the second, third, … try; the last value stands for all that follow.
RETRY_AFTER = (60, 600, 3600, 3 * 3600)
Progress = Callable[[int], None]


class Turn:
    """Holds at most a window of deliveries that are claimed and not recorded.

    `settled`: everything it claimed is recorded, as done or as put back. `more`: there is more to do now.
    `wake_at`: nothing to do until then.
    """

    def __init__(self, attempt: Attempt, token: str, on_progress: Progress) -> None:
        self.settled = self.more = False
        self.wake_at: datetime | None = None
        self._attempt = attempt
        self._on_progress = on_progress
        self._clerk = Clerk(attempt, token)
        self._places = Timetable(attempt.mailing_id)
        self._window = settings.MAIL_WINDOW
        self._results: list[Result] = []
        self._asked = 0  # of the clerk, to claim
        self._given = 0  # to the clerk: mails that are done with
        self._held = 0  # claimed and without a result
        self._dry = False
        self._sound = True  # what the transport has begun and the clerk has recorded is known
        self._answered = False  # by the mail server
        self._asked_at = float("-inf")

    @property
    def in_doubt(self) -> bool:
        """Whether more may be claimed than it knows of; with that it has not begun."""
        return self._clerk.in_doubt

    def run(self) -> None:
        """Send until nothing is due, the slice is over or someone says stop."""
        transport = open_transport(may_begin=lambda: not STOPPING.is_set(), careful=server_health.failing())
        try:
            self._compose()  # before anything is claimed: a process that dies over it leaves nothing in doubt
            self.more = self._work(transport)
        except LiquidError as error:  # the snapshot was checked when it was saved; a downgrade may differ
            self._hold(f"The message cannot be merged: {error.message}")
        except MailRefused as error:
            self._refused(error)
        finally:
            try:
                self._settle(transport)
            finally:
                transport.close()
                self._clerk.close()

    def _compose(self) -> None:
        compiled = compile_message(subject=self._attempt.subject, body=self._attempt.body)
        self._composer = Composer(compiled=compiled, owner=self._attempt.mailing.owner)

    def _work(self, transport: Transport) -> bool:
        """Send; tell whether there is more to do now."""
        end = monotonic() + settings.MAIL_SLICE_SECONDS
        while not STOPPING.is_set():
            if self._clerk.done and not self._told(self._exchanged()):
                return False
            if not self._clerk.busy and self._must_ask(transport):
                self._ask()
            transport.put(self._places.due())
            if self._clerk.busy and not transport.busy and not transport.waiting:
                self._clerk.wait(RECORD_SECONDS)
            else:
                self._hear(transport, self._places.patience(RECORD_SECONDS))
            if monotonic() > end:
                return True
        return True

    def _must_ask(self, transport: Transport) -> bool:
        """Whether to go to the ledger: in time, and well before the connections run out of mails."""
        if monotonic() - self._asked_at >= RECORD_SECONDS:
            return True
        if self._dry:
            return not self._held
        if self._places.limited or transport.waiting + self._places.waiting > self._window // 4:
            return False
        return len(self._results) >= self._window // 2 or not transport.busy

    def _ask(self) -> None:
        """Have the clerk record what is known and claim as much as there is room for."""
        limit = self._window - self._held
        self._asked = self._places.reserve(limit)
        self._asked_at = monotonic()
        self._give(self._asked)

    def _give(self, limit: int) -> None:
        self._given = sum(result.status not in Delivery.OPEN for result in self._results)
        self._clerk.begin(self._results, limit=limit, healthy=self._answered)
        self._results = []

    def _exchanged(self) -> list[Claimed] | None:
        """What the clerk has claimed; if that fails, nobody knows what it recorded."""
        self._sound = False
        claimed = self._clerk.end()
        self._sound = True
        return claimed

    def _told(self, claimed: list[Claimed] | None) -> bool:
        """Take what the clerk has claimed; tell whether to go on."""
        self._held += len(claimed or ())
        self._on_progress(self._given)
        if claimed is None:
            return False
        if self._asked:
            self._dry = len(claimed) < self._asked
        for mail in self._mails(claimed):
            self._places.add(mail)
        if self._held or self._results:
            return True
        if not self._dry and self._asked < self._window:
            self.wake_at = self._places.wake_at()
            return self.wake_at is None
        return not self._dry

    def _mails(self, claimed: list[Claimed]) -> Iterable[RenderedMessage]:
        for row in claimed:
            if row.client_id is None or row.suppressed:
                why = SUPPRESSED[Suppression.Reason(row.suppressed)] if row.suppressed else CLIENT_GONE
                self._done(Result(delivery=row, status="skipped", response=why, tries=row.tries))
                continue
            yield RenderedMessage(self._composer, row)

    def _hear(self, transport: Transport, timeout: float) -> None:
        """Let the transport work and take what comes of it; nothing here may fail half-way."""
        for mail, said in self._poll(transport, timeout):
            assert isinstance(mail, RenderedMessage)  # noqa: S101  # no other was put
            if isinstance(said, Answer):
                self._done(_result(_delivery(mail), said))
                self._answered = True
            elif said is not None and said.in_hand:
                self._done(_in_hand(_delivery(mail), said))
            else:
                self._places.add(mail)

    def _poll(self, transport: Transport, timeout: float) -> list[Outcome]:
        self._sound = False
        try:
            outcomes = transport.poll(timeout)
        except MailRefused:
            self._sound = True
            raise
        self._sound = True
        return outcomes

    def _done(self, result: Result) -> None:
        self._results.append(result)
        self._held -= 1

    def _settle(self, transport: Transport) -> None:
        """Bring what is begun to its end and record it; what is not begun goes back as it was."""
        sound = self._sound
        not_begun = [_delivery(mail) for mail in transport.withdraw()]
        try:
            self._hear(transport, 0)  # also raises what there is to say about the server
            while transport.busy:
                self._hear(transport, RECORD_SECONDS)
            self._hear(transport, 0)
        except MailRefused as error:
            self._refused(error)
        not_begun += [_delivery(mail) for mail in self._places.drain()]
        if self._clerk.busy:
            claimed = self._clerk.end() or []
            self._held += len(claimed)
            not_begun += claimed
            self._on_progress(self._given)
        for row in not_begun:
            self._done(_put_back(row))
        self._give(0)
        self._clerk.end()
        self._on_progress(self._given)
        self.settled = sound and self._sound and not self._held

    def _refused(self, error: MailRefused) -> None:
        if isinstance(error, ServerAway):
            self._rest(str(error))
        elif isinstance(error, ConfigurationRefused):
            self._hold(str(error))

    def _rest(self, answer: str) -> None:
        until = server_health.rest(answer)
        log.warning("attempt %s: %s; the mail server rests until %s", self._attempt.pk, answer, until)
        Attempt.objects.filter(pk=self._attempt.pk).update(problem=answer)

    def _hold(self, answer: str) -> None:
        log.error("attempt %s is held: %s", self._attempt.pk, answer)
        Attempt.objects.filter(pk=self._attempt.pk).update(problem=answer, held_at=timezone.now())


def retry_at(tries: int) -> datetime:
    """When to try again after this many tries, with a tenth of jitter either way."""
    seconds = RETRY_AFTER[min(tries, len(RETRY_AFTER)) - 1]
    return timezone.now() + timedelta(seconds=seconds * random.uniform(0.9, 1.1))  # noqa: S311


def _delivery(mail: OutgoingMessage) -> Claimed:
    assert isinstance(mail, RenderedMessage)  # noqa: S101
    assert isinstance(mail.recipient, Claimed)  # noqa: S101  # here they are made of nothing else
    return mail.recipient


def _put_back(delivery: Claimed) -> Result:
    """As if it had not been claimed; due now, and so where other workers have not looked yet."""
    return Result(
        delivery=delivery, status="queued", response=None, tries=delivery.tries, next_try_at=timezone.now()
    )


def _result(delivery: Claimed, answer: Answer) -> Result:
    tries = delivery.tries + 1
    if answer.verdict is Verdict.ACCEPTED:
        return Result(delivery=delivery, status="sent", response=answer.text, tries=tries)
    if answer.verdict is Verdict.NEVER or tries >= settings.MAIL_MAX_TRIES:
        return Result(
            delivery=delivery,
            status="failed",
            response=answer.text,
            tries=tries,
            hard_bounce=answer.hard_bounce,
        )
    return Result(
        delivery=delivery, status="queued", response=answer.text, tries=tries, next_try_at=retry_at(tries)
    )


def _in_hand(delivery: Claimed, error: ServerAway) -> Result:
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
