"""One worker's send loop for one attempt: claim, send, record, again and again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from django.conf import settings
from liquid.exceptions import LiquidError

from mailer.composing.attachments import files_of
from mailer.composing.compiling import compile_message
from mailer.composing.rendering import Composer, RenderedMessage
from mailer.composing.slots import Busy
from mailer.models import Attempt, Delivery
from mailer.sending import clock, holding
from mailer.sending.database import retry_while_away
from mailer.sending.ledger import CLIENT_GONE, SUPPRESSED, Claimed, DeliveryResult
from mailer.sending.ledger_writer import LedgerWriter
from mailer.sending.retries import seconds_until_retry
from mailer.sending.stop_loss import StopLoss
from mailer.sending.throttle import Throttle
from mailer.transport import (
    ConfigurationRefused,
    MailRefused,
    MailResult,
    OutgoingMessage,
    Result,
    ServerAway,
    Transport,
    Verdict,
    open_transport,
)
from site_config import connections
from site_config.shutdown import STOPPING

RECORD_SECONDS = 0.2
BUSY_SECONDS = 5
Status = Delivery.Status
Progress = Callable[[int], None]


@dataclass(kw_only=True)
class LoopResult:
    """How a send loop ended."""

    settled: bool = False  # everything it claimed is recorded, as decided or as put back
    more: bool = False  # there is more to do now
    in_doubt: bool = False  # more may be claimed than it knows of; it has not begun with that
    wake_at: datetime | None = None  # nothing to do until then


class SendLoop:
    """Holds at most a window of deliveries that are claimed and not yet recorded."""

    def __init__(
        self, attempt: Attempt, token: str, on_progress: Progress, *, server_failed: bool = False
    ) -> None:
        self.result = LoopResult()
        self._server_failed = server_failed  # when it was last used
        self._attempt = attempt
        self._on_progress = on_progress
        self._writer = LedgerWriter(attempt, token, server_failed=server_failed)
        self._throttle = Throttle(attempt.mailing_id)
        self._stop_loss = StopLoss(attempt.pk, attempt.started_at, any_sent=attempt.sent > 0)
        self._window = settings.MAIL_WINDOW
        self._results: list[DeliveryResult] = []
        self._requested = 0  # deliveries requested in the current transaction
        self._finished_count = 0  # how many of the results handed over last are final
        self._unresolved = 0  # claimed and without a result
        self._queue_empty = False
        self._state_known = True  # the transport's and the ledger writer's work is all accounted for
        self._accepted_any = False
        self._noted: MailRefused | None = None  # the transport raises its error again and again
        self._requested_at = float("-inf")

    def run(self) -> None:
        """Send until nothing is due, the slice is over or a stop is requested; see `result`."""
        transport = open_transport(may_begin=self._may_begin, careful=self._server_failed)
        connections.release()  # it is rarely needed here, and the ledger writer needs one
        try:
            self._compose()  # before anything is claimed: if the process dies here, nothing is in doubt
            self.result.more = self._work(transport)
        except Busy:  # with other messages; this one is prepared when they are done
            self.result.wake_at = clock.now() + timedelta(seconds=BUSY_SECONDS)
        except LiquidError as error:  # the snapshot was checked when it was saved; a downgrade may differ
            holding.hold(self._attempt.pk, f"The message cannot be merged: {error.message}")
        except MailRefused as error:
            self._note_refusal(error)
        finally:
            try:
                self._settle(transport)
            finally:
                transport.close()
                self._writer.close()
                self.result.in_doubt = self._writer.in_doubt

    def _may_begin(self) -> bool:
        return self._stop_loss.stop is None and not STOPPING.is_set()

    def _compose(self) -> None:
        compiled = compile_message(
            subject=self._attempt.subject, body=self._attempt.body, format=self._attempt.format
        )
        mailing = self._attempt.mailing
        self._composer = Composer(
            compiled=compiled,
            owner=mailing.owner,
            mailing_id=mailing.pk,
            key=self._attempt.key,
            attachments=files_of(self._attempt.attachments, owner_id=mailing.owner_id),
            from_address=self._attempt.from_address,
            reply_to=self._attempt.reply_to,
        )

    def _work(self, transport: Transport) -> bool:
        """Send; return whether there is more to do now."""
        end = monotonic() + settings.MAIL_SLICE_SECONDS
        while not STOPPING.is_set():
            if self._writer.done and not self._take_claimed(self._collect()):
                return False
            if not self._writer.busy and self._must_request(transport):
                self._request()
            transport.put(self._throttle.due())
            if self._writer.busy and not transport.busy and not transport.waiting:
                self._writer.wait(RECORD_SECONDS)
            else:
                self._advance(transport, self._throttle.time_to_wait(RECORD_SECONDS))
            if self._stop_loss.stop:
                return False
            if monotonic() > end and not transport.opening:
                return True
        return True

    def _must_request(self, transport: Transport) -> bool:
        """Whether to go to the ledger: in time, and well before the connections run out of mails."""
        if monotonic() - self._requested_at >= RECORD_SECONDS:
            return True
        if self._queue_empty:
            return not self._unresolved
        if self._throttle.limited or transport.waiting + self._throttle.waiting > self._window // 4:
            return False
        return len(self._results) >= self._window // 2 or not transport.busy

    def _request(self) -> None:
        """Have the ledger writer record all results and claim as much as there is room for."""
        limit = self._window - self._unresolved
        self._requested = self._throttle.reserve(limit)
        self._requested_at = monotonic()
        self._submit(self._requested)

    def _submit(self, limit: int) -> None:
        self._finished_count = sum(result.status not in Delivery.OPEN for result in self._results)
        self._writer.begin(self._results, limit=limit, healthy=self._accepted_any)
        self._results = []

    def _collect(self) -> list[Claimed] | None:
        """Fetch what the ledger writer has claimed; if that fails, nobody knows what it recorded."""
        self._state_known = False
        claimed = self._writer.end()
        self._state_known = True
        return claimed

    def _take_claimed(self, claimed: list[Claimed] | None) -> bool:
        """Accept what the ledger writer has claimed; return whether to go on."""
        self._unresolved += len(claimed or ())
        self._on_progress(self._finished_count)
        if claimed is None:
            return False
        if self._requested:
            self._queue_empty = len(claimed) < self._requested
        for mail in self._mails(claimed):
            self._throttle.add(mail)
        if self._unresolved or self._results:
            return True
        if not self._queue_empty and self._requested < self._window:
            self.result.wake_at = self._throttle.wake_at()
            return self.result.wake_at is None
        return not self._queue_empty

    def _mails(self, claimed: list[Claimed]) -> Iterable[RenderedMessage]:
        for row in claimed:
            if row.client_id is None or row.suppressed:
                why = SUPPRESSED[row.suppressed] if row.suppressed else CLIENT_GONE
                self._done(DeliveryResult(row, Status.SKIPPED, why, row.tries))
            elif self._stop_loss.closed(row):
                self._done(self._stop_loss.skip_closed(row))
            else:
                yield RenderedMessage(self._composer, row)

    def _advance(self, transport: Transport, timeout: float) -> None:
        """Let the transport work and process its results; nothing here may fail half-way."""
        for mail, result in self._poll(transport, timeout):
            if isinstance(result, Result):
                self._done(self._judge(_delivery(mail), result))
            elif result is not None and result.in_hand:
                self._done(_in_hand(_delivery(mail), result))
            elif result is not None and result.unknown:
                self._done(_unknown(_delivery(mail), result))
            else:
                assert isinstance(mail, RenderedMessage)  # nothing else is put there
                self._throttle.add(mail)

        if self._stop_loss.newly_closed:
            self._stop_loss.newly_closed = False
            self._set_closed_aside(transport)

    def _set_closed_aside(self, transport: Transport) -> None:
        """Withdraw what has not begun and goes to a domain that refuses us."""
        for mail in transport.withdraw():
            delivery = _delivery(mail)
            if self._stop_loss.closed(delivery):
                self._done(self._stop_loss.skip_closed(delivery))
            else:
                transport.put([mail])

    def _judge(self, delivery: Claimed, result: Result) -> DeliveryResult:
        if result.verdict is Verdict.ACCEPTED:
            self._accepted_any = True
            return self._stop_loss.accepted(delivery, result)
        return self._stop_loss.refused(delivery, result)

    def _poll(self, transport: Transport, timeout: float) -> list[MailResult]:
        self._state_known = False
        try:
            outcomes = transport.poll(timeout)
        except MailRefused:
            self._state_known = True
            raise
        self._state_known = True
        return outcomes

    def _done(self, result: DeliveryResult) -> None:
        self._results.append(result)
        self._unresolved -= 1

    def _settle(self, transport: Transport) -> None:
        """Finish and record what has begun; put back the rest unchanged."""
        state_known = self._state_known
        not_begun = [_delivery(mail) for mail in transport.withdraw()]
        try:
            self._advance(transport, 0)  # also raises errors that concern the server
            while transport.busy:
                self._advance(transport, RECORD_SECONDS)
            self._advance(transport, 0)
        except MailRefused as error:
            self._note_refusal(error)
        not_begun += [_delivery(mail) for mail in self._throttle.drain()]
        if self._writer.busy:
            claimed = self._writer.end() or []
            self._unresolved += len(claimed)
            not_begun += claimed
            self._on_progress(self._finished_count)
        for row in not_begun:
            self._done(_put_back(row))
        if self._results:
            self._submit(0)
            self._writer.end()
            self._on_progress(self._finished_count)
        self.result.settled = state_known and self._state_known and not self._unresolved
        if stop := self._stop_loss.stop:
            retry_while_away(lambda: holding.stop(self._attempt.pk, stop))

    def _note_refusal(self, error: MailRefused) -> None:
        if error is self._noted:
            return
        self._noted = error
        note: Callable[[int, str], None] | None = None
        if isinstance(error, ConfigurationRefused):
            note = holding.hold_by_settings
        elif isinstance(error, ServerAway):
            note = holding.rest_server if error.server else holding.rest_attempt
        if note:
            retry_while_away(partial(note, self._attempt.pk, str(error)))
        connections.release()


def _delivery(mail: OutgoingMessage) -> Claimed:
    assert isinstance(mail, RenderedMessage)
    assert isinstance(mail.recipient, Claimed)  # here they are made of nothing else
    return mail.recipient


def _put_back(delivery: Claimed) -> DeliveryResult:
    """As if it had not been claimed. Due now, so that it lies where other workers have yet to search."""
    return DeliveryResult(delivery, Status.QUEUED, None, delivery.tries, wait=0)


def _in_hand(delivery: Claimed, error: ServerAway) -> DeliveryResult:
    """The one mail in hand when the connection broke loses a try, so that a poisonous mail cannot loop."""
    tries = delivery.tries + 1
    gone = tries >= settings.MAIL_MAX_TRIES
    return DeliveryResult(
        delivery,
        Status.FAILED if gone else Status.QUEUED,
        str(error),
        tries,
        wait=None if gone else seconds_until_retry(tries),
        possibly_twice=error.unknown,
    )


def _unknown(delivery: Claimed, error: ServerAway) -> DeliveryResult:
    """Written completely, behind another mail, when the connection broke: sent again, and counted."""
    return DeliveryResult(delivery, Status.QUEUED, str(error), delivery.tries, wait=0, possibly_twice=True)
