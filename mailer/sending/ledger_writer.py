"""Writes the ledger for one send loop in its own thread, while the connections go on working."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction

from mailer.composing.unsubscribe_links import suppress
from mailer.guard.allowance import allowance_for
from mailer.models import Attempt, Delivery, Suppression
from mailer.sending import clock, database, leases, server_health
from mailer.sending.claims import Claim, LedgerClaims
from mailer.sending.ledger import Claimed, DeliveryResult
from site_config import connections

log = logging.getLogger(__name__)

DATABASE_TRIES = 600
DATABASE_PAUSE_SECONDS = 0.5


class LedgerWriter:
    """Runs one transaction at a time: results in, claimed deliveries out."""

    def __init__(self, attempt: Attempt, token: str, *, server_failed: bool = False) -> None:
        self._attempt = attempt
        self._claims = LedgerClaims(attempt=attempt, token=token)
        self._allowance = allowance_for(attempt, token)
        # Without an earlier failure, an acceptance is no news.
        ill = server_failed or attempt.problem or attempt.setbacks or attempt.resumes_at
        self._healthy = not ill
        self._alone = True
        self.in_doubt = False  # whether a failed transaction may have been committed
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-writer")
        self._pending: Future[list[Claimed] | None] | None = None

    @property
    def busy(self) -> bool:
        return self._pending is not None

    @property
    def done(self) -> bool:
        return self._pending is not None and self._pending.done()

    def begin(self, results: Sequence[DeliveryResult], *, limit: int, healthy: bool) -> None:
        """Start to record these results and claim up to `limit`. `healthy`: the mail server has answered."""
        self._pending = self._thread.submit(self._run, results, limit, healthy)

    def end(self) -> list[Claimed] | None:
        """Wait for the transaction; None if the worker has to stop. Raises the transaction's error."""
        pending, self._pending = self._pending, None
        return pending.result() if pending else []

    def wait(self, timeout: float) -> bool:
        """Wait at most so many seconds; return whether the transaction is over."""
        try:
            if self._pending:
                self._pending.exception(timeout)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """End the thread and close its database connection."""
        self._thread.submit(_close_connection)
        self._thread.shutdown()

    def _run(self, results: Sequence[DeliveryResult], limit: int, healthy: bool) -> list[Claimed] | None:
        connections.make_vital()
        try:
            return self._retry_exchange(results, limit, healthy)
        finally:
            connections.release()

    def _retry_exchange(
        self, results: Sequence[DeliveryResult], limit: int, healthy: bool
    ) -> list[Claimed] | None:
        for _ in range(DATABASE_TRIES):
            try:
                claimed = self._once(results, limit, healthy)
                database.note_back()
                break
            except DatabaseError as error:
                if not database.is_away(error):
                    raise
                # The database is away for a while: wait, as long as this process may live.
                database.note_away(error)
                self.in_doubt = True
                connection.close()
                sleep(DATABASE_PAUSE_SECONDS)
        else:
            raise OperationalError("the results of a window could not be recorded")
        if self._alone and claimed and len(claimed) == settings.MAIL_WINDOW:
            self._alone = False
            self._invite()
        return claimed

    def _invite(self) -> None:
        """A whole window is left, so a further worker may help."""
        try:
            leases.invite(self._attempt.pk)
        except DatabaseError as error:
            if not database.is_away(error):
                log.warning("attempt %s: nobody could be invited", self._attempt.pk, exc_info=True)

    def _once(self, results: Sequence[DeliveryResult], limit: int, healthy: bool) -> list[Claimed] | None:
        bounced = [result.delivery.email for result in results if result.suppress]
        recovers = healthy and not self._healthy
        if bounced or recovers or self._allowance:
            with transaction.atomic():
                claim = self._exchange(results, limit)
                self._suppress(bounced)
                if recovers:
                    server_health.recovered()
                if recovers and not (self._allowance and self._allowance.waits):
                    ill = Attempt.objects.filter(pk=self._attempt.pk).exclude(problem="", setbacks=0)
                    ill.update(problem="", problem_code="", setbacks=0, resumes_at=None)
            self._healthy |= recovers
        else:
            claim = self._claims.record_and_claim(results, claim=limit)
        return claim.claimed if claim.may_go_on else None

    def _exchange(self, results: Sequence[DeliveryResult], limit: int) -> Claim:
        """Record and claim; for an owner with an allowance, no more than it has room for."""
        if not self._allowance:
            return self._claims.record_and_claim(results, claim=limit)
        # A repeated exchange may have been done before: nothing is put back a second time.
        done = {row.delivery.pk for row in results if self.in_doubt or _handed_over(row)}
        unsent = {row.delivery.pk for row in results} - done
        room = self._allowance.room(unsent=unsent, done=done, now=clock.now(), most=limit)
        claim = self._claims.record_and_claim(results, claim=room)
        self._allowance.take([row.pk for row in claim.claimed])
        if limit and not room and claim.may_go_on and not self._allowance.in_hand:
            self._allowance.wait()
            return Claim(may_go_on=False, claimed=[])
        return claim

    def _suppress(self, emails: Iterable[str]) -> None:
        owner_id, reason = self._attempt.mailing.owner_id, Suppression.Reason.BOUNCED
        for email in emails:
            suppress(owner_id=owner_id, email=email, reason=reason, attempt_id=self._attempt.pk)


def _handed_over(result: DeliveryResult) -> bool:
    """Whether the mail server has, or may have, received the mail, even if it then refused it for good."""
    return result.status in (Delivery.Status.SENT, Delivery.Status.FAILED) or result.possibly_twice


def _close_connection() -> None:
    connection.close()
